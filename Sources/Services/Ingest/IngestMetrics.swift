package import CoreMetrics
import Metrics
import Synchronization
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

    private let factory: any MetricsFactory
    private let failures = Mutex<[String: Counter]>([:])

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
        statuses = Counter(label: "windsock_ingest_statuses", dimensions: [], factory: factory)
    }

    /// Notes how long a batch took, once for each of its messages: none was done before the last.
    func processed(_ count: Int, in duration: Duration) {
        for _ in 0..<count { processingTime.record(duration: duration) }
    }

    /// Counts a payload that no decoder took, by the reason's few names.
    func countFailure(_ error: DecodeError) {
        failures.withLock { counters in
            let counter =
                counters[error.reason]
                ?? Counter(
                    label: "windsock_ingest_decode_failures", dimensions: [("reason", error.reason)], factory: factory)
            counters[error.reason] = counter
            counter.increment()
        }
    }
}
