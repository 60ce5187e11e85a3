package import CoreMetrics
import Metrics

/// What became of attempts, and how long they took.
package struct WebhookMetrics: Sendable {
    /// The values of the label `outcome`.
    enum Outcome: String, CaseIterable {
        case delivered
        /// The attempt failed and another will follow.
        case retried
        /// The event will not be delivered.
        case gaveUp = "gave_up"
    }

    private let deliveries: [Outcome: Counter]
    /// Every attempt, whatever became of it.
    private let duration: CoreMetrics.Timer

    package init(factory: any MetricsFactory) {
        deliveries = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map { outcome in
                let dimensions = [("outcome", outcome.rawValue)]
                return (
                    outcome, Counter(label: "windsock_webhook_deliveries", dimensions: dimensions, factory: factory)
                )
            })
        duration = Timer(label: "windsock_webhook_duration", dimensions: [], factory: factory)
    }

    func count(_ outcome: Outcome, in duration: Duration) {
        deliveries[outcome]?.increment()
        self.duration.record(duration: duration)
    }
}
