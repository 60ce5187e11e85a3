import Core
import Foundation
import MQTTTransport
import Telemetry
import Yams

/// A reader for one device file, which reports all its problems together.
struct ProfileReader {
    /// The maximum number of devices; each has its own connection.
    static let maximumCount = 10_000
    /// The maximum number of metrics per device, which is also the gateway's limit for one message.
    static let maximumMetricCount = 256
    /// The maximum number of samples in a burst.
    static let maximumBurst = 100_000
    /// The allowed time between two samples.
    static let intervals: ClosedRange<Duration> = .milliseconds(1) ... .seconds(30 * 86_400)

    let path: String
    let problems: ProblemCollector

    init(path: String) {
        self.path = path
        problems = ProblemCollector(path: path)
    }

    /// Parses the file's text.
    ///
    /// - Throws: ``ProfileError`` with all problems.
    func profile(of text: String) throws(ProfileError) -> DeviceProfile {
        let profile = root(of: text).flatMap(read)
        if let error = problems.error() { throw error }
        guard let profile else {
            // Every failure reports a problem. This is a fallback in case one does not.
            throw ProfileError(problems: [ProfileProblem(path: path, message: "the file is not a valid device file")])
        }
        return profile
    }

    private func root(of text: String) -> Node? {
        do {
            if let node = try Yams.compose(yaml: text), node.scalar?.string.isEmpty != true { return node }
            problems.add("the file is empty; required: device, topic, convention and metrics")
        } catch let error as YamlError {
            let (line, message) = YAMLFailure.describe(error)
            problems.add("the file is not valid YAML: \(message)", line: line)
        } catch {
            problems.add("the file is not valid YAML: \(error)")
        }
        return nil
    }

    private func read(_ root: Node) -> DeviceProfile? {
        guard var reader = MappingReader(root, path: "", problems: problems) else { return nil }
        defer { reader.finish() }
        let names = deviceNames(&reader)
        let format = reader.requiredChoice("convention", of: PayloadFormat.self)
        let topic = template("topic", &reader, example: "sensors/{device}")
        let section = ReplaySection(&reader)
        let metrics = MetricReader(problems: problems).metrics(&reader, hasReplay: section != nil)
        let withUnits = reader.bool("units")
        let qos = reader.integer("qos", in: 0...1)
        let retain = reader.bool("retain")
        let interval = reader.span("interval", in: Self.intervals)
        let jitter = reader.span("jitter", in: .zero...Self.intervals.upperBound)
        let seed = reader.integer("seed", in: 0...Int.max)
        let stamps = reader.choice("stamps", of: DeviceProfile.TimestampSource.self)
        let dropRate = reader.number("drop_rate", in: 0...0.99)
        let burst = burst(&reader)
        let offline = offline(&reader)
        let clockSkew = clockSkew(&reader)
        let status = status(&reader, of: topic)
        let replay = section?.replay(of: metrics, profilePath: path, interval: interval)

        guard let format, let topic, !names.isEmpty, !metrics.isEmpty else { return nil }
        let profile = DeviceProfile(
            path: path, deviceNames: names, topic: topic, format: format, withUnits: withUnits ?? false,
            qos: qos == 0 ? .atMostOnce : .atLeastOnce, retain: retain ?? false, interval: interval ?? .seconds(1),
            jitter: jitter ?? .zero, seed: UInt64(seed ?? 0), stamps: stamps ?? (format.carriesTime ? .now : .none),
            dropRate: dropRate ?? 0, burst: burst, offline: offline, clockSkew: clockSkew, status: status,
            metrics: metrics, replay: replay)
        ProfileRules(profile: profile, reader: reader).check()
        return profile
    }

    // MARK: Keys and nested mappings

    /// Reads the names of the devices: the value of `device` or, with `count`, that value with a number such as
    /// `fleet-01`. Numbers start at 1 and are zero-padded to equal width.
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
                allowed: "1 to \(DeviceID.maximumByteCount) bytes without / + # { } or control characters") ?? []
        }
        return names
    }

    /// Reads a required topic template.
    func template(_ name: String, _ reader: inout MappingReader, example: String) -> TopicTemplate? {
        guard let text = reader.requiredText(name, "a topic such as \(example)") else { return nil }
        do throws(TopicTemplate.Failure) {
            return try TopicTemplate(text)
        } catch {
            problems.add(error.message, at: reader.value(name) ?? reader.node, key: reader.key(name))
            return nil
        }
    }

    /// Reads `burst: {every: 30s, readings: 20}`.
    func burst(_ reader: inout MappingReader) -> DeviceProfile.Burst? {
        guard var fields = reader.mapping("burst") else { return nil }
        defer { fields.finish() }
        let every = fields.requiredSpan("every", in: MappingReader.spans)
        if fields.value("readings") == nil { fields.missing("readings", "the number of extra readings per burst") }
        let readings = fields.integer("readings", in: 1...Self.maximumBurst)
        guard let every, let readings else { return nil }
        return DeviceProfile.Burst(every: every, readings: readings)
    }

    /// Reads `offline: {every: 60s, for: 10s, share: 0.3}`.
    func offline(_ reader: inout MappingReader) -> DeviceProfile.OfflineWindows? {
        guard var fields = reader.mapping("offline") else { return nil }
        defer { fields.finish() }
        let share = fields.number("share", in: 0...1) ?? 1
        return fields.windows().map { DeviceProfile.OfflineWindows(windows: $0, share: share) }
    }

    /// Reads `clock_skew: -2s` or `clock_skew: {up_to: 3s, share: 0.2}`.
    func clockSkew(_ reader: inout MappingReader) -> ClockSkew {
        guard let node = reader.value("clock_skew") else { return .none }
        if node.mapping != nil, var fields = reader.mapping("clock_skew") {
            defer { fields.finish() }
            let limit = fields.requiredSpan("up_to", in: .zero...MappingReader.spans.upperBound)
            let share = fields.number("share", in: 0...1) ?? 1
            return limit.map { .random(upTo: $0, share: share) } ?? .none
        }
        guard let text = node.scalar?.string,
            let span = DurationText.parse(text.hasPrefix("-") ? String(text.dropFirst()) : text),
            span <= MappingReader.spans.upperBound
        else {
            return reader.wrong(
                node, "clock_skew", allowed: "\(DurationText.allowed), or -2s, or {up_to: 3s, share: 0.2}") ?? .none
        }
        return .fixed(text.hasPrefix("-") ? .zero - span : span)
    }

    /// Reads `status_topic: sensors/{device}/status` or, for custom messages, `status: {topic: tele/{device}/LWT,
    /// online: Online, offline: Offline, retain: true}`.
    ///
    /// By default, a device that publishes to `sensors/{device}` or below it has the status topic
    /// `sensors/{device}/status`, where the gateway expects it.
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
