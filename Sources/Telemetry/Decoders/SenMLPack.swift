/// Gathers resolved SenML records into readings: one for each device and time, in the order of their first records.
///
/// A resolved name is split at its last `/` or `:` into device and metric; `urn:dev:` and two more parts are a device
/// (RFC 9039). A `/` inside a device's name becomes `:`, because the device is one level of a room. Where the topic names
/// the device and its payloads may name no other, every record is the topic's device's:
///
///     sensors/d1   temperature              metric temperature
///                  d1/temperature           metric temperature; d1/env/temperature is env/temperature
///                  urn:dev:ow:10e2:voltage  metric voltage: a URN is what the device calls itself, as long as the
///                                           pack has one only
///                  d2/temperature           foreign_device
struct SenMLPack {
    private struct Key: Hashable {
        var device: ExactString
        var time: Timestamp?
    }

    /// A reading that is gathered.
    private struct Part {
        var device: DeviceID
        var time: Timestamp?
        var collector: MetricCollector
    }

    private let context: DecodingContext
    private var parts: [Part] = []
    private var indices: [Key: Int] = [:]
    /// The device of the latest base name, for most records have that one and a name without a device in it.
    private var baseDevice: (baseName: ExactString, device: DeviceID)?
    /// The name by which the topic's device calls itself.
    private var ownURN: ExactString?

    /// Times below this many seconds are relative to now (section 4.5.3).
    private static let firstAbsoluteTime: Double = 268_435_456

    /// A device, a separator and a metric.
    private static let maximumNameByteCount = DeviceID.maximumByteCount + 1 + Metric.maximumNameByteCount

    init(context: DecodingContext) {
        self.context = context
    }

    /// Adds the values of a record whose base fields are those of `base`.
    mutating func add(_ record: SenMLRecord, base: SenMLRecord) throws(DecodeError) {
        let value: Double? =
            record.value.map { $0 + (base.baseValue ?? 0) } ?? record.boolean.map { $0 ? 1 : 0 }
        let sum = record.sum.map { $0 + (base.baseSum ?? 0) }
        guard value != nil || sum != nil else { return }

        let (device, metric) = try resolve(baseName: base.baseName ?? "", name: record.name ?? "")
        let index = try part(of: device, at: try resolve(time: (base.baseTime ?? 0) + (record.time ?? 0)))
        // Or a long unit would be copied for every record.
        let unit = (record.unit ?? base.baseUnit)
            .flatMap { $0.utf8.count <= MetricCollector.maximumUnitByteCount ? Self.usualUnit(of: $0) : nil }
        if let value { try parts[index].collector.add(metric, value, unit: record.boolean == nil ? unit : nil) }
        if let sum { try parts[index].collector.add("\(metric).sum", sum, unit: unit.map { "\($0)·s" }) }
    }

    /// The readings; throws when no record had a number.
    func readings() throws(DecodeError) -> [DecodedReading] {
        if parts.isEmpty { throw .noNumber }
        return parts.map { DecodedReading(device: $0.device, metrics: $0.collector.metrics, deviceTime: $0.time) }
    }

    /// Index of the reading that gathers a device's values of one time.
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

    /// Device and metric of a resolved name.
    private mutating func resolve(
        baseName: String, name: String
    ) throws(DecodeError) -> (device: DeviceID, metric: String) {
        let isPlain = !name.isEmpty && !name.utf8.contains(where: Self.isSeparator)
        if isPlain, let known = baseDevice, known.baseName == ExactString(baseName) { return (known.device, name) }
        // Asked before the two are joined, for a long base name would be copied for every record.
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

    /// Returns the text after a device's name and a separator, empty when the name is the device's URN; else `nil`.
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

    /// The instant of a resolved time; `nil` when it is now.
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
