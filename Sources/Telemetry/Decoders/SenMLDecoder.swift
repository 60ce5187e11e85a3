import Core

/// A decoder of Sensor Measurement Lists in JSON (RFC 8428): an array of records with base fields.
///
///     [{"bn":"urn:dev:ow:10e2073a01080063:","bt":1.320067464e+09,"bu":"%RH","n":"humidity","v":20},
///      {"n":"temperature","u":"Cel","v":23.1,"t":60}]
///
/// *Names.* A record's resolved name (`bn` + `n`) is split at its last `/` or `:` into device and metric. If it
/// contains no device, the topic's device is used. If the topic names a device, the pack may repeat that name or use
/// one URN for the device; see ``SenMLPack``.
///
/// *Readings.* The records of one device and time form one reading. Times below 2^28 are relative to the receive time
/// (section 4.5.3). `vb` becomes 1 or 0; `s` becomes the metric `{name}.sum`, with its unit multiplied by seconds. `vs`
/// and `vd` are ignored, except for states that the route knows. Units are converted to the usual symbols: `Cel` to °C,
/// `%RH` and `%EL` to %.
package struct SenMLDecoder: JSONPayloadDecoder {
    package var convention: PayloadConvention { .senml }

    /// The newest supported version of the format (section 4.4).
    private static let version: Double = 10

    package init() {}

    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        guard case .array(let records) = value else {
            throw .wrongType(what: "the SenML pack", expected: "an array of records", found: value.kind)
        }
        var base = SenMLRecord()
        var pack = SenMLPack(context: context)
        for record in records {
            guard case .object(let members) = record else {
                throw .wrongType(what: "a SenML record", expected: "an object", found: record.kind)
            }
            let fields = try SenMLRecord(members)
            if let version = fields.version, version > Self.version {
                throw .wrongType(what: "the SenML version", expected: "10 or lower", found: version.description)
            }
            base.takeBaseFields(of: fields)
            try pack.add(fields, base: base)
        }
        return try pack.readings()
    }

    /// Returns true if an array looks like a SenML pack: its first record has a base field, or a name and a value.
    static func isPack(_ elements: [JSONValue]) -> Bool {
        guard case .object(let members)? = elements.first else { return false }
        var hasName = false
        var hasValue = false
        for member in members {
            switch ExactString(member.name) {
            case "bn", "bt", "bu", "bv", "bs", "bver": return true
            case "n": hasName = true
            case "v", "vs", "vb", "vd", "s": hasValue = true
            default: continue
            }
        }
        return hasName && hasValue
    }
}

/// The supported fields of one SenML record (RFC 8428, section 4).
struct SenMLRecord {
    var baseName: String?
    var baseTime: Double?
    var baseUnit: String?
    var baseValue: Double?
    var baseSum: Double?
    var version: Double?
    var name: String?
    var unit: String?
    var value: Double?
    var boolean: Bool?
    /// A text, or data as Base64. It is a metric only if the route knows it as a state. Empty for values of other types.
    var text: String?
    var sum: Double?
    var time: Double?

    /// Creates an empty record, used to accumulate base fields.
    init() {}

    /// Reads the fields of a record.
    ///
    /// - Throws: ``DecodeError/wrongType(what:expected:found:)`` if a field has the wrong type, or if an unknown field
    ///   must be understood because its name ends with `_` (section 4.4).
    init(_ members: [JSONMember]) throws(DecodeError) {
        for member in members {
            switch ExactString(member.name) {
            case "bn": baseName = try Self.string(member)
            case "bt": baseTime = try Self.number(member)
            case "bu": baseUnit = try Self.string(member)
            case "bv": baseValue = try Self.number(member)
            case "bs": baseSum = try Self.number(member)
            case "bver": version = try Self.number(member)
            case "n": name = try Self.string(member)
            case "u": unit = try Self.string(member)
            case "v": value = try Self.number(member)
            case "s": sum = try Self.number(member)
            case "t": time = try Self.number(member)
            case "vb":
                guard let bool = member.value.boolValue else {
                    throw .wrongType(what: "the SenML field 'vb'", expected: "a boolean", found: member.value.kind)
                }
                boolean = bool
            case "vs", "vd": text = member.value.stringValue ?? ""
            case _ where member.name.utf8.last == UInt8(ascii: "_"):
                throw .wrongType(
                    what: "a must-understand SenML field", expected: "a field of RFC 8428",
                    found: Excerpt(of: member.name).description)
            default: continue
            }
        }
    }

    /// Takes over the base fields of `record`. They apply to it and to all following records, until they are set again
    /// (section 4.1).
    mutating func takeBaseFields(of record: SenMLRecord) {
        baseName = record.baseName ?? baseName
        baseTime = record.baseTime ?? baseTime
        baseUnit = record.baseUnit ?? baseUnit
        baseValue = record.baseValue ?? baseValue
        baseSum = record.baseSum ?? baseSum
    }

    private static func string(_ member: JSONMember) throws(DecodeError) -> String {
        guard let string = member.value.stringValue else {
            throw .wrongType(
                what: "the SenML field '\(member.name)'", expected: "a string", found: member.value.kind)
        }
        return string
    }

    private static func number(_ member: JSONMember) throws(DecodeError) -> Double {
        guard let number = member.value.numberValue else {
            throw .wrongType(
                what: "the SenML field '\(member.name)'", expected: "a number", found: member.value.kind)
        }
        return number
    }
}

/// A collector that groups resolved SenML records into readings: one per device and time, in the order of their first
/// records.
///
/// A resolved name is split at its last `/` or `:` into device and metric; the exception is `urn:dev:{type}:{id}`,
/// which names a device and no metric (RFC 9039). Any `/` in a device name becomes `:`, because a device is one level
/// of a room's name. If the topic names the device and the route allows no foreign devices, every record belongs to the
/// topic's device. For example, on the topic of the device d1:
///
///     record name              result
///     temperature              metric temperature
///     d1/temperature           metric temperature; d1/env/temperature is env/temperature
///     urn:dev:ow:10e2:voltage  metric voltage: a URN is the device's own name, if the pack uses only one
///     d2/temperature           error foreign_device
struct SenMLPack {
    private struct Key: Hashable {
        var device: ExactString
        var time: Timestamp?
    }

    /// A reading under construction.
    private struct Part {
        var device: DeviceID
        var time: Timestamp?
        var collector: MetricCollector
    }

    private let context: DecodingContext
    private var parts: [Part] = []
    private var indices: [Key: Int] = [:]
    /// The device that the latest base name resolved to. Cached because most records have the same base name, and names
    /// that contain no device.
    private var baseDevice: (baseName: ExactString, device: DeviceID)?
    /// The URN that the topic's device uses for itself.
    private var ownURN: ExactString?

    /// Times in seconds below this value are relative to now (section 4.5.3).
    private static let firstAbsoluteTime: Double = 268_435_456

    /// The maximum length in bytes of a name made of a device, a separator and a metric.
    private static let maximumNameByteCount = DeviceID.maximumByteCount + 1 + Metric.maximumNameByteCount

    init(context: DecodingContext) {
        self.context = context
    }

    /// Adds the values of a record to its reading, with the base fields in `base` applied.
    mutating func add(_ record: SenMLRecord, base: SenMLRecord) throws(DecodeError) {
        let value: Double? =
            record.value.map { $0 + (base.baseValue ?? 0) } ?? record.boolean.map { $0 ? 1 : 0 }
        let sum = record.sum.map { $0 + (base.baseSum ?? 0) }
        guard value != nil || sum != nil || record.text != nil else { return }

        let (device, metric) = try resolve(baseName: base.baseName ?? "", name: record.name ?? "")
        let index = try part(of: device, at: try resolve(time: (base.baseTime ?? 0) + (record.time ?? 0)))
        // Oversized units are dropped here, before they are copied for every record.
        let unit = (record.unit ?? base.baseUnit)
            .flatMap { $0.utf8.count <= MetricCollector.maximumUnitByteCount ? Self.usualUnit(of: $0) : nil }
        if let text = record.text { try parts[index].collector.add(metric, text: text) }
        if let value { try parts[index].collector.add(metric, value, unit: record.boolean == nil ? unit : nil) }
        if let sum { try parts[index].collector.add("\(metric).sum", sum, unit: unit.map { "\($0)·s" }) }
    }

    /// Returns the readings.
    ///
    /// - Throws: ``DecodeError/noNumber`` if no record had a number or a state, or ``DecodeError/dropped`` if the route
    ///   drops them.
    func readings() throws(DecodeError) -> [DecodedReading] {
        var readings = parts.filter { !$0.collector.isEmpty }.map { part in
            DecodedReading(
                device: part.device, metrics: part.collector.metrics, deviceTime: part.time,
                ignored: part.collector.ignored)
        }
        if readings.isEmpty { throw .noMetrics(hasDropped: parts.contains { $0.collector.hasDropped }) }
        reportTexts(in: &readings)
        return readings
    }

    /// Reports texts without a metric at the same time in the first reading of their device.
    private func reportTexts(in readings: inout [DecodedReading]) {
        let texts = parts.filter { $0.collector.isEmpty && !$0.collector.ignored.isEmpty }
        if texts.isEmpty { return }
        let devices = readings.enumerated().map { (ExactString($1.device.rawValue), $0) }
        let indices = Dictionary(devices) { first, _ in first }
        for part in texts {
            guard let index = indices[ExactString(part.device.rawValue)] else { continue }
            let ignored = readings[index].ignored + part.collector.ignored
            readings[index].ignored = Array(ignored.prefix(IgnoredField.maximumCount))
        }
    }

    /// Returns the index of the reading for a device and time, after adding it if necessary.
    private mutating func part(of device: DeviceID, at time: Timestamp?) throws(DecodeError) -> Int {
        let key = Key(device: ExactString(device.rawValue), time: time)
        if let last = parts.indices.last, parts[last].time == time,
            ExactString(parts[last].device.rawValue) == key.device
        {
            return last
        }
        if let known = indices[key] { return known }
        try context.limits.check(readingCount: parts.count + 1)
        indices[key] = parts.count
        parts.append(
            Part(device: device, time: time, collector: MetricCollector(context: context, expecting: 4)))
        return parts.count - 1
    }

    // MARK: Names

    /// Resolves a base name and a name into device and metric.
    private mutating func resolve(
        baseName: String, name: String
    ) throws(DecodeError) -> (device: DeviceID, metric: String) {
        let isPlain = !name.isEmpty && !name.utf8.contains(where: Self.isSeparator)
        if isPlain, let known = baseDevice, known.baseName == ExactString(baseName) { return (known.device, name) }
        // Checked before the two are joined, so that a long base name is not copied for every record.
        for part in [baseName, name] where part.utf8.count > Self.maximumNameByteCount { throw .badDevice(part) }
        let (device, metric) = try resolve(baseName + name)
        if isPlain, metric.utf8.count == name.utf8.count { baseDevice = (ExactString(baseName), device) }
        return (device, metric.isEmpty ? context.metricOrDefault : metric)
    }

    private mutating func resolve(_ name: String) throws(DecodeError) -> (device: DeviceID, metric: String) {
        if let own = context.device, !context.allowsForeignDevices, let rest = Self.rest(of: name, below: own) {
            return (own, rest)
        }
        let text = name.utf8
        let isURN = text.starts(with: "urn:".utf8)
        let isBareURN = text.starts(with: "urn:dev:".utf8) && text.count(where: Self.isSeparator) == 3
        let separator = isBareURN ? nil : text.lastIndex(where: Self.isSeparator)
        let metric = isBareURN ? "" : separator.map { String(name[text.index(after: $0)...]) } ?? name
        let device = isBareURN ? name : separator.map { String(name[..<$0]) } ?? ""
        if device.isEmpty { return (try context.device(orNamed: nil), metric) }
        if isURN, let own = context.device, !context.allowsForeignDevices {
            guard ownURN.map({ $0 == ExactString(device) }) ?? true else {
                throw .foreignDevice(device, topicDevice: own.rawValue)
            }
            ownURN = ExactString(device)
            return (own, metric)
        }
        let level = String(String.UnicodeScalarView(device.unicodeScalars.map { $0 == "/" ? ":" : $0 }))
        return (try context.payloadDevice(named: level), metric)
    }

    /// Returns the part of `name` after the device's name and a separator; empty if `name` is just the device's name
    /// and that is a URN; `nil` if `name` does not begin with the device's name.
    private static func rest(of name: String, below device: DeviceID) -> String? {
        let text = name.utf8
        let own = device.rawValue.utf8
        guard text.starts(with: own) else { return nil }
        let end = text.index(text.startIndex, offsetBy: own.count)
        if end == text.endIndex { return own.starts(with: "urn:".utf8) ? "" : nil }
        return isSeparator(text[end]) ? String(name[text.index(after: end)...]) : nil
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":")
    }

    /// Returns the instant for the sum of a base time and a record's time; `nil` for 0, which means now.
    private func resolve(time: Double) throws(DecodeError) -> Timestamp? {
        if time == 0 { return nil }
        if time >= Self.firstAbsoluteTime {
            guard let timestamp = Timestamp(secondsSinceEpoch: time) else { throw .badTime(time.description) }
            return timestamp
        }
        guard let offset = Timestamp(secondsSinceEpoch: time) else { throw .badTime(time.description) }
        return context.receivedAt.advanced(by: .nanoseconds(offset.nanosecondsSinceEpoch))
    }

    private static func usualUnit(of unit: String) -> String {
        switch unit {
        case "Cel": "°C"
        case "%RH", "%EL": "%"
        default: unit
        }
    }
}
