import Core

/// A collector for the metrics of one reading. It applies the route's ``MetricRules``, keeps names unique, converts units
/// and enforces limits.
///
/// When a name occurs twice, as in `{"a":{"b":1},"a.b":2}`, the metric keeps its first position and takes the later
/// value.
struct MetricCollector {
    private(set) var metrics: [Metric] = []
    /// The texts and arrays that became no metric, at most ``IgnoredField/maximumCount``.
    private(set) var ignored: [IgnoredField] = []
    /// True when a rule of the route has dropped a metric.
    private(set) var hasDropped = false
    private let limit: Int
    private let rules: MetricRules?
    private let units: [ExactString: String]
    private let convertsFahrenheit: Bool
    /// The index of each name in ``metrics``. Filled only once there are more than ``linearSearchLimit`` of them.
    private var indices: [ExactString: Int] = [:]

    private static let linearSearchLimit = 16
    /// The maximum length of a unit in bytes. Longer texts are not real units and are dropped.
    static let maximumUnitByteCount = 32

    init(context: DecodingContext, expecting count: Int) {
        limit = context.limits.maxMetricsPerReading
        convertsFahrenheit = context.convertsFahrenheit
        rules = context.rules
        units = context.units
        metrics.reserveCapacity(min(count, limit))
    }

    var isEmpty: Bool { metrics.isEmpty }

    /// Adds a value under `name`, or as the route's rules say.
    ///
    /// - Throws: ``DecodeError`` if the name or value is invalid, or if there are too many metrics.
    @inline(__always)
    mutating func add(_ name: String, _ value: Double, unit: String? = nil) throws(DecodeError) {
        guard let rule = rules?.rule(for: name) else { return try append(name, value, unit: unit) }
        if rule.isDropped {
            hasDropped = true
        } else {
            try append(rule.name, rule.change.apply(to: value), unit: rule.change.unit ?? unit)
        }
    }

    /// Adds the numbers in `value` under `name`. `true` and `false` become 1 and 0; the members of objects get names
    /// joined with `.`.
    ///
    /// Texts and arrays are ignored, except for states that the route knows; `null` is skipped. An object with a number
    /// `value` and a string `unit` is one metric with that unit, under its own name.
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
            if rules?.rule(for: name)?.isDropped == true {
                hasDropped = true
                return
            }
            for member in members { try add("\(name).\(member.name)", json: member.value) }
        case .string(let text): try add(name(), text: text)
        case .array: ignore(name(), .array)
        case .null: return
        }
    }

    /// Adds a text that is a state. Other texts are ignored.
    ///
    /// - Parameter acceptsOnOff: True when the convention uses `ON` and `OFF` for switches.
    mutating func add(
        _ name: @autoclosure () -> String, text: String, acceptsOnOff: Bool = false
    ) throws(DecodeError) {
        if rules != nil {
            let name = name()
            if try addState(text, to: name) { return }
        }
        if acceptsOnOff, let value = OnOff.value(of: text) { return try add(name(), value) }
        ignore(name(), .string)
    }

    /// Adds the number that a text stands for by a rule of the route. Returns false if there is none.
    mutating func addState(_ text: String, to name: String) throws(DecodeError) -> Bool {
        guard let rules, let value = rules.state(text, of: name) else { return false }
        let rule = rules.rule(for: name)
        if rule?.isDropped == true {
            hasDropped = true
        } else {
            try append(rule?.name ?? name, value)
        }
        return true
    }

    /// Adds the value at a path of the route, whose name a payload or topic gives.
    mutating func add(
        _ name: String, single value: JSONValue, unit: String?, states: MetricStates?
    ) throws(DecodeError) {
        guard let rule = rules?.rule(for: name) else {
            return try add(name, value, change: MetricChange(unit: unit), states: states)
        }
        if rule.isDropped {
            hasDropped = true
            return
        }
        var change = rule.change
        change.unit = change.unit ?? unit
        try add(rule.name, value, change: change, states: change.states ?? states)
    }

    /// Adds the value at a path of the route, with the change that the route makes to it. Accepts numeric texts, `ON` and
    /// `OFF` besides numbers and states.
    mutating func add(
        _ name: String, _ value: JSONValue, change: MetricChange, states: MetricStates?
    ) throws(DecodeError) {
        switch value {
        case .number(let number): try append(name, change.apply(to: number), unit: change.unit)
        case .bool(let bool): try append(name, change.apply(to: bool ? 1 : 0), unit: change.unit)
        case .string(let text):
            if let state = states?.value(of: text) {
                try append(name, state)
            } else if let number = BareValueDecoder.number(in: text) ?? OnOff.value(of: text) {
                try append(name, change.apply(to: number), unit: change.unit)
            } else {
                ignore(name, .string)
            }
        case .object(let members):
            guard name.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(name) }
            if let number = value["value"]?.numberValue, let unit = value["unit"]?.stringValue {
                return try append(name, change.apply(to: number), unit: change.unit ?? unit)
            }
            for member in members {
                try add("\(name).\(member.name)", member.value, change: change, states: states)
            }
        case .array: ignore(name, .array)
        case .null: return
        }
    }

    /// Reports a field that becomes no metric, unless the route drops it anyway.
    mutating func ignore(_ name: @autoclosure () -> String, _ kind: IgnoredField.Kind) {
        guard ignored.count < IgnoredField.maximumCount else { return }
        let name = name()
        if rules?.rule(for: name)?.isDropped == true {
            hasDropped = true
        } else {
            ignored.append(IgnoredField(name, kind))
        }
    }

    @inline(__always)
    private mutating func append(_ name: String, _ value: Double, unit: String? = nil) throws(DecodeError) {
        guard (1...Metric.maximumNameByteCount).contains(name.utf8.count) else { throw .badMetric(name) }
        guard value.isFinite else { throw .notFinite }
        var metric = Metric(name: name, value: value)
        if let unit {
            setUnit(unit, of: &metric)
        } else if !units.isEmpty, let unit = units[ExactString(name)],
            (1...Self.maximumUnitByteCount).contains(unit.utf8.count)
        {
            // An announcement only names the unit. The same value must not change when the announcement arrives.
            metric.unit = unit
        }
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
