import Telemetry

/// A token taken apart but not believed: the compact form of a signed JWT (RFC 7515 section 7.1).
///
/// Of the header only `alg`, `kid` and `crit` are read. Keys or addresses of keys that a token brings along (`jwk`,
/// `jku`, `x5c`, `x5u`) are never looked at.
struct SignedToken: Sendable {
    /// Longer tokens are refused unread.
    static let maximumByteCount = 8 * 1024

    let algorithm: TokenAlgorithm
    /// The header's `kid`: which key signed it.
    let keyID: String?
    /// What the signature is over: header and payload as they stand in the token.
    let signedBytes: [UInt8]
    let payload: [UInt8]
    let signature: [UInt8]

    /// - Throws: ``AuthenticationError/invalid(_:)`` with a reason that quotes nothing of the token.
    init(_ text: String) throws(AuthenticationError) {
        guard text.utf8.count <= Self.maximumByteCount else {
            throw .invalid("it is longer than \(Self.maximumByteCount) bytes")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else { throw .invalid("it is not three parts of base64url with dots between them") }
        guard let fields = try? JSONParser.parse(header), fields.objectValue != nil else {
            throw .invalid("its header is no JSON object")
        }
        guard let algorithm = fields["alg"]?.stringValue.flatMap(TokenAlgorithm.init(rawValue:)) else {
            throw .invalid("its \"alg\" is not one of \(TokenAlgorithm.names)")
        }
        // Extensions that must be understood, none of which is (RFC 7515 section 4.1.11).
        guard fields["crit"] == nil else { throw .invalid("its header has \"crit\", which is not supported") }
        switch fields["kid"] {
        case nil: keyID = nil
        case .string(let id): keyID = id
        default: throw .invalid("its \"kid\" is not a string")
        }
        self.algorithm = algorithm
        self.payload = payload
        self.signature = signature
        self.signedBytes = Array("\(parts[0]).\(parts[1])".utf8)
    }
}
