/// Why a service did not do what it was asked: in terms that the socket and HTTP each have a word for.
package struct RequestError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The request makes no sense.
        case invalid
        /// More than the limit.
        case tooLarge
        /// The idempotency key was used for something else.
        case conflict
        /// There is no such thing.
        case notFound
        /// Asked too often; later it may go.
        case rateLimited
        /// Too much waits; later it may go.
        case overloaded
        /// The storage failed; the log says how.
        case storage
    }

    package let kind: Kind
    /// Names the thing and what is allowed.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static let storageFailed = RequestError(.storage, "The gateway cannot store it now.")
}
