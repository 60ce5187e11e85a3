import CoreMetrics
import Synchronization

/// One time series of a registry: its identity and its current value.
protocol Series: AnyObject, Sendable {
    /// The name of the series' family in the Prometheus text. `nil` if the registry could not keep the series.
    var family: String? { get }
    var labels: MetricLabels { get }

    /// Returns the current value, or `nil` if there is none. May call foreign code, so never call it under a lock.
    func read() -> MetricValue?
}

/// One counter series. The value is the sum of integer and floating-point increments.
///
/// Uses relaxed ordering: a scrape sees all increments that happened before it on the scraping thread, and others soon
/// after.
package final class CounterSeries: Series, CounterHandler, FloatingPointCounterHandler {
    let family: String?
    let labels: MetricLabels
    private let whole = Atomic<UInt64>(0)
    private let fractional = AtomicDouble(0)

    init(family: String?, labels: MetricLabels) {
        self.family = family
        self.labels = labels
    }

    /// Adds `amount`. Ignores zero and negative amounts, because counters never decrease.
    package func increment(by amount: Int64) {
        guard amount > 0 else { return }
        whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    /// Adds `amount`. Ignores NaN, infinity, zero and negative amounts.
    package func increment(by amount: Double) {
        guard amount.isFinite, amount > 0 else { return }
        fractional.add(amount)
    }

    /// Resets the counter to zero, as a restart would.
    package func reset() {
        whole.store(0, ordering: .relaxed)
        fractional.store(0)
    }

    func read() -> MetricValue? {
        .number(Double(whole.load(ordering: .relaxed)) + fractional.load())
    }
}

/// One gauge series: the last value set, adjusted by increments and decrements.
///
/// Serves both `Meter` and `Gauge` (a `Recorder` that does not aggregate).
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

/// One series whose value is read at scrape time, for example a queue length or a process metric.
final class ObservedSeries: Series {
    let family: String?
    let labels: MetricLabels
    private let observe: @Sendable () -> Double?

    init(family: String?, labels: MetricLabels, observe: @escaping @Sendable () -> Double?) {
        self.family = family
        self.labels = labels
        self.observe = observe
    }

    func read() -> MetricValue? { observe().map(MetricValue.number) }
}

/// A floating-point number that threads can change without a lock.
///
/// Stores the bit pattern in one `Atomic<UInt64>`. `add` is a compare-and-swap loop; contention on one series is rare,
/// so it seldom retries.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits: Atomic<UInt64>

    init(_ value: Double) {
        bits = Atomic(value.bitPattern)
    }

    func load() -> Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var seen = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: seen) + amount
            let (exchanged, original) = bits.weakCompareExchange(
                expected: seen, desired: sum.bitPattern, ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }
}
