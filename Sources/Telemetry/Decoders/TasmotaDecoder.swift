import Core

/// A decoder of Tasmota's `tele/{device}/SENSOR` and `STATE` messages and of requested statuses. Each sensor is an object; units are separate
/// members.
///
///     {"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":21.5,"Humidity":55},"TempUnit":"C"}
///     {"Time":"…","ENERGY":{"Total":3.185,"Power":23,"ApparentPower":32,"Voltage":229,"Current":0.14}}
///     {"Time":"…","UptimeSec":4711,"POWER":"ON","Wifi":{"RSSI":78,"Signal":-61}}
///     {"StatusSNS":{"Time":"…","AM2301":{…},"TempUnit":"C"}}        stat/{device}/STATUS8 and STATUS10
///     {"StatusSTS":{"Time":"…","UptimeSec":4711,…}}                 stat/{device}/STATUS11
///
/// The answers to the commands `Status 8`, `10` and `11` contain the same values as the messages.
///
/// *Names.* A quantity of only one sensor is a metric under its own name in snake case (`temperature`,
/// `apparent_power`). If several sensors have the quantity, the names are sensor and quantity in Tasmota's spelling
/// (`AM2301.Temperature`). A `null` quantity counts too, so that names do not change when a sensor fails. Values
/// outside sensors keep their names (`POWER`, `UptimeSec`), so that the relay `POWER` and the `power` in watts stay
/// distinct. The elements of arrays, which multi-phase meters send, are numbered from 1 (`power.1`). `ON` and `OFF`
/// become 1 and 0. Other texts are ignored, except for states that the route knows under these names. They do not make
/// the names of numbers longer.
///
/// *Time.* `Epoch` if present, else `Time`. A `Time` without an offset is read as UTC, so devices should use
/// `Timezone 0`, or `SetOption52 1`, which adds the offset. ``TimePolicy`` detects a wrong zone only if it puts the
/// time into the future.
package struct TasmotaDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .tasmota }

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        let value = value["StatusSNS"] ?? value["StatusSTS"] ?? value
        guard case .object(let members) = value else {
            throw .wrongType(what: "the payload", expected: "an object", found: value.kind)
        }
        let units = TasmotaUnits(
            temperature: value["TempUnit"]?.stringValue, pressure: value["PressureUnit"]?.stringValue)
        var quantities = TasmotaQuantities(context: context)
        for member in members where !Self.isMetadata(member.name) {
            if case .object(let values) = member.value {
                var path: [String] = []
                try Self.collect(
                    values, of: member.name, path: &path, byteCount: member.name.utf8.count, into: &quantities)
            } else {
                let isValidName = member.name.utf8.count <= Metric.maximumNameByteCount
                // Most texts are no metrics, and may have any name.
                guard isValidName || member.value.stringValue != nil else { throw .badMetric(member.name) }
                try quantities.append(member.value, of: nil, path: [member.name])
            }
        }

        var collector = MetricCollector(context: context, expecting: quantities.all.count)
        for quantity in quantities.all {
            try Self.add(
                quantity.value, name: quantities.name(of: quantity), unit: units.unit(of: quantity), to: &collector)
        }
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        return [
            DecodedReading(
                device: try context.device(orNamed: nil), metrics: collector.metrics,
                deviceTime: try Self.time(of: value), ignored: collector.ignored)
        ]
    }

    /// Returns true if the last level of a topic is that of a message with values.
    static func isMessage(_ last: Substring, topic levels: [Substring]) -> Bool {
        switch ExactString(last) {
        case "SENSOR", "STATE", "ENERGY": levels.contains { ExactString($0) == "tele" }
        case "STATUS8", "STATUS10", "STATUS11": levels.contains { ExactString($0) == "stat" }
        default: false
        }
    }

    /// Collects the values of a sensor, including those in nested objects. Limits are enforced before names are built
    /// from the paths, because many long names would take too long.
    ///
    /// - Parameter byteCount: The length of the sensor's name and the path, including a separator between names.
    private static func collect(
        _ members: [JSONMember], of sensor: String, path: inout [String], byteCount: Int,
        into quantities: inout TasmotaQuantities
    ) throws(DecodeError) {
        for member in members {
            let byteCount = byteCount + 1 + member.name.utf8.count
            guard byteCount <= Metric.maximumNameByteCount else { throw .badMetric(member.name) }
            if case .object(let values) = member.value {
                path.append(member.name)
                try collect(values, of: sensor, path: &path, byteCount: byteCount, into: &quantities)
                path.removeLast()
            } else {
                try quantities.append(member.value, of: sensor, path: path + [member.name])
            }
        }
    }

    private static func add(
        _ value: JSONValue, name: String, unit: String?, to collector: inout MetricCollector
    ) throws(DecodeError) {
        switch value {
        case .number(let number): try collector.add(name, number, unit: unit)
        case .bool(let bool): try collector.add(name, bool ? 1 : 0)
        case .string(let text): try collector.add(name, text: text, acceptsOnOff: true)
        case .array(let elements):
            var hasNumber = false
            for (index, element) in elements.enumerated() {
                guard case .number(let number) = element else { continue }
                hasNumber = true
                try collector.add("\(name).\(index + 1)", number, unit: unit)
            }
            if !hasNumber { collector.ignore(name, .array) }
        case .null, .object: return
        }
    }

    private static func time(of value: JSONValue) throws(DecodeError) -> Timestamp? {
        if let epoch = value["Epoch"] { return try DeviceTime.timestamp(from: epoch) }
        return try value["Time"].flatMap { (time) throws(DecodeError) in try DeviceTime.timestamp(from: time) }
    }

    /// Returns true for members that describe the message and are not measured values.
    private static func isMetadata(_ name: String) -> Bool {
        switch ExactString(name) {
        case "Time", "Epoch", "TempUnit", "PressureUnit", "SpeedUnit", "MassUnit", "VolumeUnit": true
        default: false
        }
    }
}

/// The values of a message that may become metrics, in payload order, and the names of the metrics.
///
/// Texts are included, because the route may know them as states. They have a limit of their own and do not change the
/// names of numbers and switches.
struct TasmotaQuantities {
    private(set) var all: [TasmotaQuantity] = []
    private let limit: Int
    private let hasRules: Bool
    private var textCount = 0
    /// The number of values inside sensors by short name, without texts.
    private var counts: [String: Int] = [:]
    /// The number of texts inside sensors by short name.
    private var textCounts: [String: Int] = [:]

    init(context: DecodingContext) {
        limit = context.limits.maxMetricsPerReading
        hasRules = context.rules != nil
    }

    /// Adds a value that is not an object. Without rules, texts beyond the limit are left out, because they are no
    /// metrics.
    ///
    /// - Throws: ``DecodeError/tooManyMetrics(limit:)`` if there are too many values.
    mutating func append(
        _ value: JSONValue, of sensor: String?, path: @autoclosure () -> [String]
    ) throws(DecodeError) {
        let isText = value.stringValue.map { OnOff.value(of: $0) == nil } ?? false
        let count = isText ? textCount : all.count - textCount
        guard count < limit else {
            if isText, !hasRules { return }
            throw .tooManyMetrics(limit: limit)
        }
        let quantity = TasmotaQuantity(sensor: sensor, path: path(), value: value, isText: isText)
        all.append(quantity)
        if isText { textCount += 1 }
        guard sensor != nil else { return }
        if isText {
            textCounts[quantity.shortName, default: 0] += 1
        } else {
            counts[quantity.shortName, default: 0] += 1
        }
    }

    /// Returns the name of a quantity's metric: the short name if only one sensor has such a quantity, else the full
    /// name.
    func name(of quantity: TasmotaQuantity) -> String {
        if quantity.sensor == nil { return quantity.fullName }
        let count = counts[quantity.shortName, default: 0]
        let textCount = quantity.isText ? textCounts[quantity.shortName, default: 0] : 0
        return count + textCount > 1 ? quantity.fullName : quantity.shortName
    }
}

/// A value of a Tasmota message, with its sensor and path.
struct TasmotaQuantity {
    /// The top-level object, such as `AM2301` or `ENERGY`; `nil` for a value outside any object.
    let sensor: String?
    /// The names from the sensor down to the value.
    let path: [String]
    let value: JSONValue
    /// True for a text other than `ON`, `OFF`, `true` and `false`.
    let isText: Bool
    /// The path in snake case: `ApparentPower` becomes `apparent_power`. Empty for a value outside any object, because
    /// that keeps its name.
    let shortName: String

    init(sensor: String?, path: [String], value: JSONValue, isText: Bool) {
        self.sensor = sensor
        self.path = path
        self.value = value
        self.isText = isText
        self.shortName = sensor == nil ? "" : path.map(Self.snakeCase).joined(separator: ".")
    }

    /// Sensor and path in Tasmota's spelling: `AM2301.Temperature`.
    var fullName: String {
        ((sensor.map { [$0] } ?? []) + path).joined(separator: ".")
    }

    /// Converts a name to lower case, with `_` before each capitalised word inside it: `DewPoint` → `dew_point`, `eCO2`
    /// → `eco2`.
    private static func snakeCase(_ name: String) -> String {
        let letters = Array(name.unicodeScalars)
        var result = ""
        for (index, letter) in letters.enumerated() {
            let beginsWord =
                index > 0 && index + 1 < letters.count && letter.properties.isUppercase
                && !letters[index - 1].properties.isUppercase && letters[index - 1] != "_"
                && letters[index + 1].properties.isLowercase
            if beginsWord { result += "_" }
            result += letter.properties.lowercaseMapping
        }
        return result
    }
}

/// The units of Tasmota's quantities. The units of temperature and pressure are given in the message; the others are
/// fixed.
struct TasmotaUnits {
    /// `°C` or `°F`; `nil` if the message does not give it.
    private let temperature: String?
    /// `hPa`, `mmHg` or `inHg`; `nil` if the message does not give it.
    private let pressure: String?

    /// Creates the units from the values of `TempUnit` and `PressureUnit`.
    init(temperature: String?, pressure: String?) {
        self.temperature =
            switch temperature.map(ExactString.init(stringLiteral:)) {
            case "C": Temperature.celsiusUnit
            case "F": Temperature.fahrenheitUnit
            default: temperature
            }
        self.pressure = pressure
    }

    /// Returns the unit of a quantity, if it has one.
    func unit(of quantity: TasmotaQuantity) -> String? {
        guard let name = quantity.path.last else { return nil }
        switch quantity.sensor.map(ExactString.init(stringLiteral:)) {
        case nil: return ExactString(name) == "UptimeSec" ? "s" : nil
        case "ENERGY": return Self.energyUnit(of: name)
        case "Wifi": return ExactString(name) == "Signal" ? "dBm" : ExactString(name) == "RSSI" ? "%" : nil
        default: return unit(ofSensorQuantity: name)
        }
    }

    private func unit(ofSensorQuantity name: String) -> String? {
        switch ExactString(name) {
        case "Temperature", "DewPoint": temperature
        case "Pressure", "SeaPressure": pressure
        case "Humidity": "%"
        case "Illuminance": "lx"
        case "CarbonDioxide", "CO2", "eCO2": "ppm"
        case "TVOC": "ppb"
        case "PM1", "PM2.5", "PM10": "µg/m³"
        case "Distance": "cm"
        default: nil
        }
    }

    private static func energyUnit(of name: String) -> String? {
        switch ExactString(name) {
        case "Total", "Yesterday", "Today": "kWh"
        case "Period": "Wh"
        case "Power": "W"
        case "ApparentPower": "VA"
        case "ReactivePower": "var"
        case "Voltage": "V"
        case "Current": "A"
        case "Frequency": "Hz"
        default: nil
        }
    }
}
