/// Collects the metrics of one reading: keeps names unique, converts units, and enforces the limits.
///
/// A name that comes twice, as `{"a":{"b":1},"a.b":2}` makes it, keeps its place and takes the later value.
struct MetricCollector {
    private(set) var metrics: [Metric] = []
    private let limit: Int
    private let convertsFahrenheit: Bool
    /// Where each name stands; kept only once comparing names one by one would take long.
    private var indices: [ExactString: Int] = [:]

    private static let linearSearchLimit = 16
    /// The most bytes of a unit that is kept; no unit is longer.
    static let maximumUnitByteCount = 32

    init(context: DecodingContext, expecting count: Int) {
        limit = context.limits.maxMetricsPerReading
        convertsFahrenheit = context.convertsFahrenheit
        metrics.reserveCapacity(min(count, limit))
    }

    var isEmpty: Bool { metrics.isEmpty }

    /// Adds a value under `name`; throws when the name or the value cannot be one, or there are too many.
    @inline(__always)
    mutating func add(_ name: String, _ value: Double, unit: String? = nil) throws(DecodeError) {
        guard (1...Metric.maximumNameByteCount).contains(name.utf8.count) else { throw .badMetric(name) }
        guard value.isFinite else { throw .notFinite }
        var metric = Metric(name: name, value: value)
        if let unit { setUnit(unit, of: &metric) }
        if let index = index(of: name) {
            metrics[index] = metric
            return
        }
        guard metrics.count < limit else { throw .tooManyMetrics(limit: limit) }
        metrics.append(metric)
        if metrics.count > Self.linearSearchLimit { addToIndex() }
    }

    private func setUnit(_ unit: String, of metric: inout Metric) {
        guard (1...Self.maximumUnitByteCount).contains(unit.utf8.count) else { return }
        if convertsFahrenheit, Temperature.isFahrenheit(unit) {
            metric.value = Temperature.celsius(fromFahrenheit: metric.value)
            metric.unit = Temperature.celsiusUnit
        } else {
            metric.unit = unit
        }
    }

    private func index(of name: String) -> Int? {
        let name = ExactString(name)
        if metrics.count > Self.linearSearchLimit { return indices[name] }
        return metrics.firstIndex { ExactString($0.name) == name }
    }

    private mutating func addToIndex() {
        if indices.isEmpty {
            for (index, metric) in metrics.enumerated() { indices[ExactString(metric.name)] = index }
        } else {
            indices[ExactString(metrics[metrics.count - 1].name)] = metrics.count - 1
        }
    }
}
