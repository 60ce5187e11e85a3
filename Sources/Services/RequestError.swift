/// The reason a service refused a request, independent of transport: WebSocket and HTTP each map the kind to a code of
/// their own.
package struct RequestError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// The request is malformed.
        case invalid
        /// The request exceeds a size limit.
        case tooLarge
        /// The request contradicts the current state, for example when an idempotency key was used for other content.
        case conflict
        /// The requested thing does not exist.
        case notFound
        /// The caller sent too many requests. A later retry may succeed.
        case rateLimited
        /// A queue is full. A later retry may succeed.
        case overloaded
        /// The storage failed. The log has the details.
        case storage
    }

    package let kind: Kind
    /// The message for the client, with the offending field or value and what is allowed.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static let storageFailed = RequestError(.storage, "The storage is unavailable; retry later.")
}
