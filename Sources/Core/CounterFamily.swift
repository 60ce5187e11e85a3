package import CoreMetrics

/// The counters of one metric that differ in the value of one label, such as `reason`. Only for labels with few values,
/// because a counter is never removed.
package final class CounterFamily: Sendable {
    private let name: String
    private let label: String
    private let dimensions: [(String, String)]
    private let factory: any MetricsFactory
    private let counters: Lock<[String: Counter]>

    /// Creates a family of counters.
    ///
    /// - Parameters:
    ///   - label: The label that tells the counters apart.
    ///   - values: The values of the label that are exported from the start, with a count of 0. A counter for another
    ///     value is created when that value is first counted.
    ///   - dimensions: Further labels, which all counters have in common.
    package init(
        _ name: String, by label: String, values: [String] = [], dimensions: [(String, String)] = [],
        factory: any MetricsFactory
    ) {
        self.name = name
        self.label = label
        self.dimensions = dimensions
        self.factory = factory
        counters = Lock(
            Dictionary(
                uniqueKeysWithValues: values.map {
                    ($0, Counter(label: name, dimensions: dimensions + [(label, $0)], factory: factory))
                }))
    }

    /// Increments the counter with this value of the label.
    package func increment(_ value: String, by amount: Int = 1) {
        let counter = counters.withLock { counters in
            if let counter = counters[value] { return counter }
            let counter = Counter(label: name, dimensions: dimensions + [(label, value)], factory: factory)
            counters[value] = counter
            return counter
        }
        counter.increment(by: amount)
    }
}
