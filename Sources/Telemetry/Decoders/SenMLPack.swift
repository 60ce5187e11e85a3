/// Gathers resolved SenML records into readings: one for each device and time, in the order of their first records.
struct SenMLPack {
    private struct Key: Hashable {
        var device: DeviceID
        var time: Timestamp?
    }

    private let context: DecodingContext
    private var keys: [Key] = []
    private var collectors: [Key: MetricCollector] = [:]

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
        let key = Key(device: device, time: try resolve(time: (base.baseTime ?? 0) + (record.time ?? 0)))
        let unit = (record.unit ?? base.baseUnit).map(Self.usualUnit)
        if collectors[key] == nil {
            try context.limits.check(readingCount: keys.count + 1)
            keys.append(key)
        }
        var collector = collectors.removeValue(forKey: key) ?? MetricCollector(context: context, expecting: 4)
        if let value { try collector.add(metric, value, unit: record.boolean == nil ? unit : nil) }
        if let sum { try collector.add("\(metric).sum", sum, unit: unit.map { "\($0)·s" }) }
        collectors[key] = collector
    }

    /// The readings; throws when no record had a number.
    func readings() throws(DecodeError) -> [DecodedReading] {
        if keys.isEmpty { throw .noNumber }
        return keys.compactMap { key in
            collectors[key].map { DecodedReading(device: key.device, metrics: $0.metrics, deviceTime: key.time) }
        }
    }

    /// Device and metric of a resolved name.
    ///
    /// `urn:dev:` and two more parts are a device (RFC 9039), not a device and a metric. A `/` inside a device's name
    /// becomes `:`, because the device is one level of a room.
    private func resolve(
        baseName: String, name: String
    ) throws(DecodeError) -> (device: DeviceID, metric: String) {
        // Asked before the two are joined, for a long base name would be copied for every record.
        for part in [baseName, name] where part.utf8.count > Self.maximumNameByteCount { throw .badDevice(part) }
        let name = baseName + name
        let parts = name.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == ":" }
        let isBareURN = parts.count == 4 && parts[0] == "urn" && parts[1] == "dev"
        let metric = isBareURN ? "" : String(parts.last ?? "")
        let device = isBareURN ? name : String(name.dropLast(min(name.count, metric.count + 1)))
        return (
            try device.isEmpty
                ? context.device(orNamed: nil)
                : DecodingContext.device(named: String(device.map { $0 == "/" ? ":" : $0 })),
            metric.isEmpty ? context.metricOrDefault : metric
        )
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
