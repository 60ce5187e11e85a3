/// Tasmota's `tele/{device}/SENSOR` and `STATE`: sensors as objects, with the units beside them.
///
///     {"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":21.5,"Humidity":55},"TempUnit":"C"}
///     {"Time":"…","ENERGY":{"Total":3.185,"Power":23,"ApparentPower":32,"Voltage":229,"Current":0.14}}
///     {"Time":"…","UptimeSec":4711,"POWER":"ON","Wifi":{"RSSI":78,"Signal":-61}}
///
/// *Names.* A sensor's value is named by its quantity alone, in snake case (`temperature`, `apparent_power`), as long
/// as one sensor has it; when several do, by sensor and quantity as Tasmota writes them (`AM2301.Temperature`). A
/// quantity that is `null` for the moment counts too, so that names do not change when a sensor fails. Values outside
/// of sensors keep their names (`POWER`, `UptimeSec`), so that the relay `POWER` and the `power` in watts stay two.
/// Arrays, which meters with several phases send, are numbered from 1 (`power.1`). `ON` and `OFF` are 1 and 0.
///
/// *Time.* `Epoch` when it is there, else `Time`. Without an offset it is read as UTC; set `Timezone 0`, or
/// `SetOption52 1`, which adds the offset. A zone that puts it off is seen by ``TimePolicy`` only when it is ahead.
package struct TasmotaDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .tasmota }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .object(let members) = value else {
            throw .wrongType(what: "the payload", expected: "an object", found: value.kind)
        }
        let units = TasmotaUnits(
            temperature: value["TempUnit"]?.stringValue, pressure: value["PressureUnit"]?.stringValue)
        var quantities: [TasmotaQuantity] = []
        for member in members where !Self.isMetadata(member.name) {
            if case .object(let values) = member.value {
                var path: [String] = []
                try Self.collect(
                    values, of: member.name, path: &path, byteCount: member.name.utf8.count, into: &quantities,
                    context.limits)
            } else if Self.isQuantity(member.value) {
                guard member.name.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(member.name) }
                try Self.append(
                    TasmotaQuantity(sensor: nil, path: [member.name], value: member.value), to: &quantities,
                    context.limits)
            }
        }
        // How many sensors have a quantity of that short name.
        var counts: [String: Int] = [:]
        for quantity in quantities where quantity.sensor != nil { counts[quantity.shortName, default: 0] += 1 }

        var collector = MetricCollector(context: context, expecting: quantities.count)
        for quantity in quantities {
            let isAmbiguous = counts[quantity.shortName, default: 0] > 1
            let name = quantity.sensor == nil || isAmbiguous ? quantity.fullName : quantity.shortName
            try Self.add(quantity.value, name: name, unit: units.unit(of: quantity), to: &collector)
        }
        if collector.isEmpty { throw .noNumber }
        return [
            DecodedReading(
                device: try context.device(orNamed: nil), metrics: collector.metrics,
                deviceTime: try Self.time(of: value))
        ]
    }

    /// Walks down the objects of a sensor to their values. Limits are enforced here already, for names are made of
    /// paths, and long ones of many values would take long.
    ///
    /// - Parameter byteCount: Of the sensor's name and the path, with a separator between each two names.
    private static func collect(
        _ members: [JSONMember], of sensor: String, path: inout [String], byteCount: Int,
        into quantities: inout [TasmotaQuantity], _ limits: DecodingLimits
    ) throws(DecodeError) {
        for member in members {
            let byteCount = byteCount + 1 + member.name.utf8.count
            guard byteCount <= Metric.maximumNameByteCount else { throw .badMetric(member.name) }
            if case .object(let values) = member.value {
                path.append(member.name)
                try collect(values, of: sensor, path: &path, byteCount: byteCount, into: &quantities, limits)
                path.removeLast()
            } else if isQuantity(member.value) {
                try append(
                    TasmotaQuantity(sensor: sensor, path: path + [member.name], value: member.value), to: &quantities,
                    limits)
            }
        }
    }

    /// Whether a value that is no object may be a metric's now or later: texts other than `ON` and `OFF` never are.
    private static func isQuantity(_ value: JSONValue) -> Bool {
        value.stringValue.map { OnOff.value(of: $0) != nil } ?? true
    }

    private static func append(
        _ quantity: @autoclosure () -> TasmotaQuantity, to quantities: inout [TasmotaQuantity], _ limits: DecodingLimits
    ) throws(DecodeError) {
        guard quantities.count < limits.maxMetricsPerReading else {
            throw .tooManyMetrics(limit: limits.maxMetricsPerReading)
        }
        quantities.append(quantity())
    }

    private static func add(
        _ value: JSONValue, name: String, unit: String?, to collector: inout MetricCollector
    ) throws(DecodeError) {
        switch value {
        case .number(let number): try collector.add(name, number, unit: unit)
        case .bool(let bool): try collector.add(name, bool ? 1 : 0)
        case .string(let text):
            if let value = OnOff.value(of: text) { try collector.add(name, value) }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                guard case .number(let number) = element else { continue }
                try collector.add("\(name).\(index + 1)", number, unit: unit)
            }
        case .null, .object: return
        }
    }

    private static func time(of value: JSONValue) throws(DecodeError) -> Timestamp? {
        if let epoch = value["Epoch"] { return try DeviceTime.timestamp(from: epoch) }
        return try value["Time"].flatMap { (time) throws(DecodeError) in try DeviceTime.timestamp(from: time) }
    }

    /// Members about the message, not measured.
    private static func isMetadata(_ name: String) -> Bool {
        switch ExactString(name) {
        case "Time", "Epoch", "TempUnit", "PressureUnit", "SpeedUnit", "MassUnit", "VolumeUnit": true
        default: false
        }
    }
}
