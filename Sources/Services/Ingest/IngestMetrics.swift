import Core
package import CoreMetrics
import Metrics

/// The metrics of ingest. Counters are increased once per batch, not once per message.
package final class IngestMetrics: Sendable {
    /// Messages from the broker, counted once they are ingested. Redelivered messages and clock requests are not
    /// counted.
    package let messages: Counter
    /// Decoded readings.
    package let readings: Counter
    /// Readings whose device time was implausible.
    package let implausibleTimes: Counter
    /// Readings that the broker had retained.
    package let retained: Counter
    /// Time from a batch's arrival until all of it was handed to the hub, recorded once per message.
    package let processingTime: CoreMetrics.Timer
    /// Messages on status topics: birth and farewell messages, and last wills.
    package let statuses: Counter
    /// Messages that carry no reading by their convention, such as commands and the states of bridges.
    package let ignored: Counter

    /// Redelivered messages that were already ingested.
    package let repeated: Counter
    /// Values that were not stored because their series would exceed the limit.
    package let refusedValues: Counter

    private let failures: CounterFamily

    /// Creates the metrics with `factory`.
    package init(factory: any MetricsFactory) {
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
        ignored = Counter(label: "windsock_ingest_ignored_messages", dimensions: [], factory: factory)
        failures = CounterFamily("windsock_ingest_dead_letters", by: "reason", factory: factory)
    }

    /// Records a batch's duration once for each of its messages, because none was finished before the last.
    func processed(_ count: Int, in duration: Duration) {
        for _ in 0..<count { processingTime.record(duration: duration) }
    }

    /// Counts a dead letter by its reason. Reasons have few values, so they are used as a metric label.
    func countFailure(_ reason: String) { failures.increment(reason) }
}
