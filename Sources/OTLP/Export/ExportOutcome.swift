/// What became of one request.
enum ExportOutcome: Sendable, Equatable {
    /// The collector has it, but for so many items that it did not want; `message` says why, or is a warning.
    case accepted(rejected: Int, message: String?)
    /// Not now: the same again later, not before `retryAfter` has passed where the collector named a time.
    case unavailable(reason: String, retryAfter: Duration?)
    /// Never: sending it again would not help.
    case refused(reason: String)
}
