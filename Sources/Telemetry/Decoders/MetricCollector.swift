import Core

/// A collector for the metrics of one reading. It keeps names unique, converts units and enforces limits.
///
/// When a name occurs twice, as in `{"a":{"b":1},"a.b":2}`, the metric keeps its first position and takes the later
/// value.
struct MetricCollector {
    private(set) var metrics: [Metric] = []
    private let limit: Int
    private let convertsFahrenheit: Bool
    /// The index of each name in ``metrics``. Filled only once there are more than ``linearSearchLimit`` of them.
    private var indices: [ExactString: Int] = [:]

    private static let linearSearchLimit = 16
    /// The maximum length of a unit in bytes. Longer texts are not real units and are dropped.
    static let maximumUnitByteCount = 32

    init(context: DecodingContext, expecting count: Int) {
        limit = context.limits.maxMetricsPerReading
        convertsFahrenheit = context.convertsFahrenheit
        metrics.reserveCapacity(min(count, limit))
    }

    var isEmpty: Bool { metrics.isEmpty }

    /// Adds a value under `name`.
    ///
    /// - Throws: ``DecodeError`` if the name or value is invalid, or if there are too many metrics.
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

    /// Adds the numbers in `value` under `name`. `true` and `false` become 1 and 0; the members of objects get names
    /// joined with `.`.
    ///
    /// Strings, `null` and arrays are skipped. An object with a number `value` and a string `unit` is one metric with
    /// that unit, under its own name.
    mutating func add(_ name: @autoclosure () -> String, json value: JSONValue) throws(DecodeError) {
        switch value {
        case .number(let number): try add(name(), number)
        case .bool(let bool): try add(name(), bool ? 1 : 0)
        case .object(let members):
            let name = name()
            // Checked early, so that the members of the object do not each copy an oversized name.
            guard name.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(name) }
            if let number = value["value"]?.numberValue, let unit = value["unit"]?.stringValue {
                return try add(name, number, unit: unit)
            }
            for member in members { try add("\(name).\(member.name)", json: member.value) }
        case .null, .string, .array: return
        }
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

/// Temperature units and conversion, for routes that convert °F.
enum Temperature {
    static let celsiusUnit = "°C"
    static let fahrenheitUnit = "°F"

    /// Returns true for the notations that devices use for degrees Fahrenheit.
    static func isFahrenheit(_ unit: String) -> Bool {
        switch unit.lowercased() {
        case "°f", "f", "℉", "degf", "fahrenheit": true
        default: false
        }
    }

    /// Converts a temperature, rounded to a millionth of a degree: 70.7 °F become 21.5 °C and not 21.500000000000004.
    static func celsius(fromFahrenheit fahrenheit: Double) -> Double {
        let celsius = (fahrenheit - 32) / 1.8
        guard celsius.magnitude < 1e9 else { return celsius }
        return (celsius * 1e6).rounded() / 1e6
    }
}
