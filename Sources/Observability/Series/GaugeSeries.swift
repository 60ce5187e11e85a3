import CoreMetrics

/// One gauge series: the last value set, moved up and down by increments.
///
/// Serves `Meter` and `Gauge` (a `Recorder` that does not aggregate) alike.
package final class GaugeSeries: Series, MeterHandler, RecorderHandler {
    let family: String?
    let labels: MetricLabels
    private let value = AtomicDouble(0)

    init(family: String?, labels: MetricLabels) {
        self.family = family
        self.labels = labels
    }

    package func set(_ value: Int64) { self.value.store(Double(value)) }
    package func set(_ value: Double) { self.value.store(value) }
    package func increment(by amount: Double) { value.add(amount) }
    package func decrement(by amount: Double) { value.add(-amount) }
    package func record(_ value: Int64) { self.value.store(Double(value)) }
    package func record(_ value: Double) { self.value.store(value) }

    func read() -> MetricValue? { .number(value.load()) }
}
