import Telemetry

/// The public keys of a JWK Set (RFC 7517 section 5) that can verify tokens.
struct KeySet: Sendable {
    /// More keys in one set are refused.
    static let maximumKeyCount = 100

    /// What a set says about the key that a token names.
    enum Lookup {
        case found(VerificationKey)
        /// No key of that `kid`: perhaps there is a newer set.
        case unknownID
        /// There is such a `kid` but of another algorithm, or no key of the algorithm at all.
        case otherAlgorithm
        /// The token names no key, and more than one could be meant.
        case ambiguous
    }

    let keys: [VerificationKey]
    /// The keys that were left out, and why; nothing of the keys themselves but their `kid`.
    let skipped: [String]

    /// The keys of that JSON. Those that are not for verifying tokens are left out, as the RFC asks.
    ///
    /// An empty set is a set: it takes every key back. One with keys of which none can be used is an error.
    init(json: [UInt8]) async throws(KeySetError.Problem) {
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONParser.parse(json)
        } catch {
            throw .malformed("\(error)")
        }
        guard let entries = parsed["keys"]?.arrayValue else {
            throw .malformed("an object with the array \"keys\" is expected")
        }
        guard entries.count <= Self.maximumKeyCount else { throw .tooManyKeys(entries.count) }
        var keys: [VerificationKey] = []
        var skipped: [String] = []
        for (index, entry) in entries.enumerated() {
            do throws(UnusableKey) {
                let key = try await VerificationKey(entry)
                if let id = key.id, keys.contains(where: { $0.id == id && $0.algorithm == key.algorithm }) {
                    throw UnusableKey("an earlier key has the same \"kid\" and algorithm")
                }
                keys.append(key)
            } catch {
                skipped.append("keys[\(index)]: \(error)")
            }
        }
        guard !keys.isEmpty || entries.isEmpty else { throw .noUsableKey(skipped) }
        self.keys = keys
        self.skipped = skipped
    }

    /// The key with which a token of that header must be verified.
    func key(id: String?, algorithm: TokenAlgorithm) -> Lookup {
        guard let id else {
            let fitting = keys.filter { $0.algorithm == algorithm }
            guard let key = fitting.first else { return .otherAlgorithm }
            return fitting.count == 1 ? .found(key) : .ambiguous
        }
        let named = keys.filter { $0.id == id }
        if named.isEmpty { return .unknownID }
        return named.first { $0.algorithm == algorithm }.map(Lookup.found) ?? .otherAlgorithm
    }
}
