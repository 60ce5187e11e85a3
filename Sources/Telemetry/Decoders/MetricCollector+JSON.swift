extension MetricCollector {
    /// Adds what `value` holds under `name`: numbers as they are, `true` and `false` as 1 and 0, the members of objects
    /// under names joined with `.`.
    ///
    /// Strings, `null` and arrays are no metrics and are passed over. An object that has a number `value` and a string
    /// `unit` is one metric of that unit, under its own name.
    mutating func add(_ name: @autoclosure () -> String, json value: JSONValue) throws(DecodeError) {
        switch value {
        case .number(let number): try add(name(), number)
        case .bool(let bool): try add(name(), bool ? 1 : 0)
        case .object(let members):
            let name = name()
            // Or every member below would copy a name that is none.
            guard name.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(name) }
            if let number = value["value"]?.numberValue, let unit = value["unit"]?.stringValue {
                return try add(name, number, unit: unit)
            }
            for member in members { try add("\(name).\(member.name)", json: member.value) }
        case .null, .string, .array: return
        }
    }
}
