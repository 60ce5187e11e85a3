import CoreMetrics
import Synchronization

/// One counter series; whole and fractional increments add up to one value.
///
/// Ordering: relaxed. A scrape sees every increment that happened before it on the scraping thread, and others soon.
package final class CounterSeries: Series, CounterHandler, FloatingPointCounterHandler {
    let family: String?
    let labels: MetricLabels
    private let whole = Atomic<UInt64>(0)
    private let fractional = AtomicDouble(0)

    init(family: String?, labels: MetricLabels) {
        self.family = family
        self.labels = labels
    }

    /// Adds `amount`; a counter never goes down, so zero and less change nothing.
    package func increment(by amount: Int64) {
        guard amount > 0 else { return }
        whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    /// Adds `amount`; NaN, infinity, zero and less change nothing.
    package func increment(by amount: Double) {
        guard amount.isFinite, amount > 0 else { return }
        fractional.add(amount)
    }

    /// Back to zero, as after a restart.
    package func reset() {
        whole.store(0, ordering: .relaxed)
        fractional.store(0)
    }

    func read() -> MetricValue? {
        .number(Double(whole.load(ordering: .relaxed)) + fractional.load())
    }
}
