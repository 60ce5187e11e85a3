import Core
import CoreMetrics
import Logging
import Metrics
import Telemetry

/// Events that the webhook does not get because too many wait for it: each counted, and told with their number now and
/// then.
final class WebhookOverflow: Sendable {
    private struct State {
        var untold = 0
        var loggedAt: Timestamp?
    }

    private static let logInterval = Duration.seconds(10)

    private let state = Lock(State())
    private let counter: Counter
    private let logger: Logger

    init(factory: any MetricsFactory, logger: Logger) {
        counter = Counter(label: "windsock_webhook_dropped_events", dimensions: [], factory: factory)
        self.logger = logger
    }

    /// An event of that rule's alert is not kept.
    func note(rule: String, at now: Timestamp) {
        counter.increment()
        let count: Int? = state.withLock { state in
            state.untold += 1
            if let last = state.loggedAt, now.since(last) < Self.logInterval { return nil }
            defer { state.untold = 0 }
            state.loggedAt = now
            return state.untold
        }
        guard let count else { return }
        logger.warning(
            "Too many events wait for the webhook; some are not sent",
            metadata: ["count": "\(count)", "rule": "\(rule)"])
    }
}
