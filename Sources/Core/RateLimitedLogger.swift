package import Logging

/// A logger for warnings about events that outsiders can cause at any rate. It logs at most one line per interval, with
/// the number of lines omitted since the previous one. Thread-safe.
package final class RateLimitedLogger: Sendable {
    private struct State {
        var last: Timestamp?
        var omitted = 0
    }

    private let logger: Logger
    private let interval: Duration
    private let state = Lock(State())

    package init(_ logger: Logger, interval: Duration = .seconds(10)) {
        self.logger = logger
        self.interval = interval
    }

    /// Logs a warning unless another one was logged within the interval before `now`. A clock that was set back does
    /// not silence the logger.
    package func warning(
        _ message: Logger.Message, metadata: @autoclosure () -> Logger.Metadata, at now: Timestamp
    ) {
        let omitted: Int? = state.withLock { state in
            if let last = state.last, last <= now, now.since(last) < interval {
                state.omitted += 1
                return nil
            }
            defer {
                state.last = now
                state.omitted = 0
            }
            return state.omitted
        }
        guard let omitted else { return }
        var metadata = metadata()
        if omitted > 0 { metadata["omitted"] = "\(omitted)" }
        logger.warning(message, metadata: metadata)
    }
}
