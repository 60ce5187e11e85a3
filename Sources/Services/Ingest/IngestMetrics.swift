import Core
package import CoreMetrics
import Metrics
import Telemetry

/// What ingest counts; a batch adds once, not once per message.
package final class IngestMetrics: Sendable {
    /// Messages taken from the broker.
    package let messages: Counter
    /// Readings decoded from them.
    package let readings: Counter
    /// Readings whose device time was too far off to be believed.
    package let implausibleTimes: Counter
    /// Readings from the broker's retained store.
    package let retained: Counter
    /// From a batch's arrival until all of it is with the hub, each of its messages.
    package let processingTime: CoreMetrics.Timer
    /// Messages on status topics: births, farewells and last wills.
    package let statuses: Counter

    /// Messages that the broker delivered again although they had been taken.
    package let repeated: Counter
    /// Values that were not stored because their series would be one too many.
    package let refusedValues: Counter

    private let factory: any MetricsFactory
    private let failures = Lock<[String: Counter]>([:])

    /// Counters made by `factory`.
    package init(factory: any MetricsFactory) {
        self.factory = factory
        messages = Counter(
            label: "messaging.client.consumed.messages", dimensions: [("messaging_system", "mqtt")], factory: factory)
        readings = Counter(label: "windsock_ingest_readings", dimensions: [], factory: factory)
        implausibleTimes = Counter(label: "windsock_ingest_implausible_times", dimensions: [], factory: factory)
        retained = Counter(label: "windsock_ingest_retained_readings", dimensions: [], factory: factory)
        processingTime = Timer(
            label: "messaging.process.duration", dimensions: [("messaging_system", "mqtt")], factory: factory)
        repeated = Counter(label: "windsock_ingest_repeated_messages", dimensions: [], factory: factory)
        refusedValues = Counter(label: "windsock_ingest_refused_values", dimensions: [], factory: factory)
        statuses = Counter(label: "windsock_ingest_statuses", dimensions: [], factory: factory)
    }

    /// Notes how long a batch took, once for each of its messages: none was done before the last.
    func processed(_ count: Int, in duration: Duration) {
        for _ in 0..<count { processingTime.record(duration: duration) }
    }

    /// Counts a payload that could not be taken, by the reason's few names.
    func countFailure(_ reason: String) {
        failures.withLock { counters in
            let counter =
                counters[reason]
                ?? Counter(
                    label: "windsock_ingest_dead_letters", dimensions: [("reason", reason)], factory: factory)
            counters[reason] = counter
            counter.increment()
        }
    }
}
