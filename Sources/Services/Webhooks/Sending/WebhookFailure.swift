/// Why an attempt failed, in a few kinds for metrics and spans, and in words for people.
package struct WebhookFailure: Sendable, Equatable, CustomStringConvertible {
    /// Few and fixed: `error.type` of spans.
    package enum Kind: String, Sendable, Equatable {
        /// The host's name has no address now.
        case notResolved = "name_not_resolved"
        /// The address is one that may not be sent to.
        case addressRefused = "address_refused"
        /// No connection, or it ended without an answer; TLS included.
        case connection
        case timeout
        /// An answer that is not a success.
        case status
    }

    package let kind: Kind
    /// The answer's, where there was one.
    package let status: Int?
    /// Without secrets, path and query.
    package let description: String

    init(_ kind: Kind, status: Int? = nil, _ description: String) {
        self.kind = kind
        self.status = status
        self.description = description
    }
}
