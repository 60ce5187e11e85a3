/// Why a key set could not be had.
package struct KeySetError: Error, CustomStringConvertible {
    package enum Problem: Error, Equatable {
        /// The file or the server could not be read.
        case unreadable(String)
        /// The server answered, but not with 200.
        case status(Int)
        case timedOut(Duration)
        case tooLarge(maxBytes: Int)
        /// No JSON, or no JWK Set.
        case malformed(String)
        case tooManyKeys(Int)
        /// The set has keys, and each is left out for the reason told.
        case noUsableKey([String])
        /// The set is empty: at the start that is taken for a mistake.
        case empty
    }

    package let source: JWKSource
    package let problem: Problem

    package var description: String { "The token keys of \(source) could not be loaded: \(reason)." }

    private var reason: String {
        switch problem {
        case .unreadable(let why): why
        case .status(let status): "it answered \(status) where 200 is expected; redirects are not followed"
        case .timedOut(let limit): "it did not answer within \(limit)"
        case .tooLarge(let maxBytes): "it is larger than \(maxBytes) bytes"
        case .malformed(let why): "it is no JWK Set: \(why)"
        case .tooManyKeys(let count): "it has \(count) keys, \(KeySet.maximumKeyCount) are allowed"
        case .noUsableKey(let reasons): "none of its keys can be used (\(reasons.joined(separator: "; ")))"
        case .empty: "it has no keys"
        }
    }
}
