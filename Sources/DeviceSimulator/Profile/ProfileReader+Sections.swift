import Telemetry
import Yams

/// The keys of a device file one by one, and the mappings below it.
extension ProfileReader {
    /// The names of the devices: `device` alone, or with `count` numbered from 1 and padded to equal width.
    func deviceNames(_ reader: inout MappingReader) -> [String] {
        let name = reader.requiredText("device", "a name such as greenhouse")
        let count = reader.value("count") == nil ? 0 : reader.integer("count", in: 1...Self.maximumCount)
        guard let name, let count else { return [] }
        let width = String(count).count
        let names = (1...max(count, 1)).map { number in
            let digits = String(number)
            return count == 0 ? name : "\(name)-\(String(repeating: "0", count: width - digits.count))\(digits)"
        }
        guard let last = names.last, DeviceID(last) != nil, !last.contains(where: { "{}".contains($0) }) else {
            return reader.wrong(
                reader.value("device") ?? reader.node, "device",
                allowed: "1 to \(DeviceID.maximumByteCount) bytes without / + # { } and control characters") ?? []
        }
        return names
    }

    /// A topic template that must be there.
    func template(_ name: String, _ reader: inout MappingReader, example: String) -> TopicTemplate? {
        guard let text = reader.requiredText(name, "a topic such as \(example)") else { return nil }
        do throws(TopicTemplate.Failure) {
            return try TopicTemplate(text)
        } catch {
            problems.add(error.message, at: reader.value(name) ?? reader.node, key: reader.key(name))
            return nil
        }
    }

    /// `burst: {every: 30s, readings: 20}`
    func burst(_ reader: inout MappingReader) -> DeviceProfile.Burst? {
        guard var fields = reader.mapping("burst") else { return nil }
        defer { fields.finish() }
        let every = fields.requiredSpan("every", in: MappingReader.spans)
        if fields.value("readings") == nil { fields.missing("readings", "how many more readings come at once") }
        let readings = fields.integer("readings", in: 1...Self.maximumBurst)
        guard let every, let readings else { return nil }
        return DeviceProfile.Burst(every: every, readings: readings)
    }

    /// `offline: {every: 60s, for: 10s, share: 0.3}`
    func offline(_ reader: inout MappingReader) -> DeviceProfile.OfflineWindows? {
        guard var fields = reader.mapping("offline") else { return nil }
        defer { fields.finish() }
        let share = fields.number("share", in: 0...1) ?? 1
        return fields.windows().map { DeviceProfile.OfflineWindows(windows: $0, share: share) }
    }

    /// `clock_skew: -2s` or `clock_skew: {up_to: 3s, share: 0.2}`
    func clockSkew(_ reader: inout MappingReader) -> ClockSkew {
        guard let node = reader.value("clock_skew") else { return .none }
        if node.mapping != nil, var fields = reader.mapping("clock_skew") {
            defer { fields.finish() }
            let limit = fields.requiredSpan("up_to", in: .zero...MappingReader.spans.upperBound)
            let share = fields.number("share", in: 0...1) ?? 1
            return limit.map { .random(upTo: $0, share: share) } ?? .none
        }
        guard let text = node.scalar?.string,
            let span = TimeSpan.parse(text.hasPrefix("-") ? String(text.dropFirst()) : text),
            span <= MappingReader.spans.upperBound
        else {
            return reader.wrong(
                node, "clock_skew", allowed: "\(TimeSpan.allowed), or -2s, or {up_to: 3s, share: 0.2}") ?? .none
        }
        return .fixed(text.hasPrefix("-") ? .zero - span : span)
    }

    /// `status_topic: sensors/{device}/status`, or with words of its own
    /// `status: {topic: tele/{device}/LWT, online: Online, offline: Offline, retain: true}`.
    ///
    /// Without either, devices that publish to `sensors/{device}` have the topic that a gateway looks at.
    func status(_ reader: inout MappingReader, of topic: TopicTemplate?) -> DeviceStatus? {
        if reader.value("status") != nil, reader.value("status_topic") != nil {
            return reader.wrong(
                reader.value("status_topic") ?? reader.node, "status_topic", allowed: "only without 'status'")
        }
        if var fields = reader.mapping("status") {
            defer { fields.finish() }
            let topic = template("topic", &fields, example: "sensors/{device}/status")
            let online = fields.text("online") ?? "online"
            let offline = fields.text("offline") ?? "offline"
            let retain = fields.bool("retain") ?? true
            return topic.map { DeviceStatus(topic: $0, online: online, offline: offline, retain: retain) }
        }
        if reader.isNull("status_topic") { return nil }
        if reader.value("status_topic") != nil {
            return template("status_topic", &reader, example: "sensors/{device}/status").map { DeviceStatus(topic: $0) }
        }
        guard !reader.has("status"), topic?.isBelowSensors == true else { return nil }
        return (try? TopicTemplate("sensors/{device}/status")).map { DeviceStatus(topic: $0) }
    }
}
