import Core
import Foundation
import MQTTTransport
import Telemetry
import YAML

/// A reader for one device file. Its nested readers are ``MetricReader`` and ``ReplaySection``.
enum ProfileReader {
    /// The maximum number of devices; each has its own connection.
    private static let maximumCount = 10_000
    /// The maximum number of samples in a burst.
    private static let maximumBurst = 100_000
    /// The longest time between two samples.
    private static let longestInterval = Duration.seconds(30 * 86_400)

    /// Reads a file.
    ///
    /// - Throws: ``ConfigurationError`` with all problems.
    static func profile(of document: YAMLDocument) throws(ConfigurationError) -> DeviceProfile {
        let profile = try document.requiredRoot().mapping().flatMap(read)
        try document.finish()
        guard let profile else {
            // Every failure reports a problem. This is a fallback in case one does not.
            throw ConfigurationError(origin: document.path, problem: "the file is not a valid device file")
        }
        return profile
    }

    private static func read(_ fields: YAMLMapping) -> DeviceProfile? {
        let names = deviceNames(fields)
        let format = fields.required("convention", .choice(of: PayloadFormat.self))
        let topic = template("topic", fields, example: "sensors/{device}")
        let section = ReplaySection(fields)
        let metrics = MetricReader(format: format, hasReplay: section != nil).metrics(fields)
        let withUnits = fields.read("units", .bool)
        let qos = fields.read("qos", .integer(in: 0...1))
        let retain = fields.read("retain", .bool)
        let interval = fields.read("interval", .duration(in: .milliseconds(1)...longestInterval))
        let jitter = fields.read("jitter", .duration(in: .zero...longestInterval))
        let seed = fields.read("seed", .integer(in: 0...Int.max))
        let stamps = fields.read("stamps", .choice(of: DeviceProfile.TimestampSource.self))
        let dropRate = fields.read("drop_rate", .number(in: 0...0.99))
        let burst = burst(fields["burst"])
        let offline = offline(fields["offline"])
        let clockSkew = clockSkew(fields["clock_skew"])
        let status = status(fields, of: topic)
        let replay = section?.replay(of: metrics, interval: interval)

        guard let format, let topic, !names.isEmpty, !metrics.isEmpty else { return nil }
        let profile = DeviceProfile(
            path: fields.value.document.path, deviceNames: names, topic: topic, format: format,
            withUnits: withUnits ?? false, qos: qos == 0 ? .atMostOnce : .atLeastOnce, retain: retain ?? false,
            interval: interval ?? .seconds(1), jitter: jitter ?? .zero, seed: UInt64(seed ?? 0),
            stamps: stamps ?? (format.carriesTime ? .now : .none), dropRate: dropRate ?? 0, burst: burst,
            offline: offline, clockSkew: clockSkew, status: status, metrics: metrics, replay: replay)
        ProfileRules(profile: profile, fields: fields).check()
        return profile
    }

    // MARK: Keys and nested mappings

    /// Reads the names of the devices: the value of `device` or, with `count`, that value with a number such as
    /// `fleet-01`. Numbers start at 1 and are zero-padded to equal width.
    private static func deviceNames(_ fields: YAMLMapping) -> [String] {
        let name = fields.required("device", .text("a name such as greenhouse"))
        let count = fields["count"] == nil ? 0 : fields.read("count", .integer(in: 1...maximumCount))
        guard let name, let count else { return [] }
        let width = String(count).count
        let names = (1...max(count, 1)).map { number in
            let digits = String(number)
            return count == 0 ? name : "\(name)-\(String(repeating: "0", count: width - digits.count))\(digits)"
        }
        guard let last = names.last, DeviceID(last) != nil, !last.contains(where: { "{}".contains($0) }) else {
            fields["device"]?.reject(
                allowed: "1 to \(DeviceID.maximumByteCount) bytes without / + # { } or control characters")
            return []
        }
        return names
    }

    /// Reads a required topic template.
    private static func template(_ key: String, _ fields: YAMLMapping, example: String) -> TopicTemplate? {
        let allowed = "a topic such as \(example)"
        return fields.required(key, allowed)?.parse(allowed, TopicTemplate.init)
    }

    /// Reads `burst: {every: 30s, readings: 20}`.
    private static func burst(_ value: YAMLValue?) -> DeviceProfile.Burst? {
        guard let fields = value?.mapping() else { return nil }
        let every = fields.required("every", .span)
        let readings = fields.required("readings", .integer(in: 1...maximumBurst))
        guard let every, let readings else { return nil }
        return DeviceProfile.Burst(every: every, readings: readings)
    }

    /// Reads `offline: {every: 60s, for: 10s, share: 0.3}`.
    private static func offline(_ value: YAMLValue?) -> DeviceProfile.OfflineWindows? {
        guard let fields = value?.mapping() else { return nil }
        let share = fields.read("share", .number(in: 0...1)) ?? 1
        return RecurringWindows(fields).map { DeviceProfile.OfflineWindows(windows: $0, share: share) }
    }

    /// Reads `clock_skew: -2s` or `clock_skew: {up_to: 3s, share: 0.2}`.
    private static func clockSkew(_ value: YAMLValue?) -> ClockSkew {
        guard let value else { return .none }
        guard value.isMapping else { return value.read(signedSpan).map(ClockSkew.fixed) ?? .none }
        let fields = value.mapping()
        let limit = fields?.required("up_to", .spanFromZero)
        let share = fields?.read("share", .number(in: 0...1)) ?? 1
        return limit.map { .random(upTo: $0, share: share) } ?? .none
    }

    private static var signedSpan: ValueFormat<Duration> {
        let span = ValueFormat.spanFromZero
        return ValueFormat("\(span.allowed), or -2s, or {up_to: 3s, share: 0.2}") { text in
            text.hasPrefix("-") ? span.parse(String(text.dropFirst())).map { .zero - $0 } : span.parse(text)
        }
    }

    /// Reads `status_topic: sensors/{device}/status` or, for custom messages, `status: {topic: tele/{device}/LWT,
    /// online: Online, offline: Offline, retain: true}`.
    ///
    /// By default, a device that publishes to `sensors/{device}` or below it has the status topic
    /// `sensors/{device}/status`, where the gateway expects it.
    private static func status(_ fields: YAMLMapping, of topic: TopicTemplate?) -> DeviceStatus? {
        let example = "sensors/{device}/status"
        if let status = fields["status"] {
            if let other = fields["status_topic"] {
                other.reject(allowed: "only without \"status\"")
                return nil
            }
            guard let status = status.mapping() else { return nil }
            let topic = template("topic", status, example: example)
            let online = status.read("online", .text()) ?? "online"
            let offline = status.read("offline", .text()) ?? "offline"
            let retain = status.read("retain", .bool) ?? true
            return topic.map { DeviceStatus(topic: $0, online: online, offline: offline, retain: retain) }
        }
        if fields.isNull("status_topic") || fields.isNull("status") { return nil }
        if fields["status_topic"] != nil {
            return template("status_topic", fields, example: example).map { DeviceStatus(topic: $0) }
        }
        guard topic?.isBelowSensors == true else { return nil }
        return (try? TopicTemplate(example)).map { DeviceStatus(topic: $0) }
    }
}

// MARK: Formats of device files

extension ValueFormat<Double> {
    /// The range of most numbers in a device file. At this size, doubles neither lose whole numbers nor overflow.
    static var quantities: ClosedRange<Double> { -1e12...1e12 }

    static var quantity: Self { .number(in: quantities) }
}

extension ValueFormat<Duration> {
    /// The longest duration in a device file: longer than any run.
    private static var longest: Duration { .seconds(365 * 86_400) }

    /// A duration from finer than any sensor.
    static var span: Self { .duration(in: .milliseconds(1)...longest) }
    static var spanFromZero: Self { .duration(in: .zero...longest) }
    /// The time between two spikes.
    static var spikeInterval: Self { .duration(in: .milliseconds(10)...longest) }
}

extension RecurringWindows {
    /// Reads the keys `every` and `for` of a schedule. Returns `nil` when a problem was reported.
    init?(_ fields: YAMLMapping) {
        let every = fields.required("every", .span)
        let width = fields.required("for", .span)
        guard let every, let width else { return nil }
        guard width < every else {
            fields.fail(
                "for",
                "\"\(DurationText.format(width))\" is too long; allowed: less than \"every\" "
                    + "(\(DurationText.format(every)))")
            return nil
        }
        self.init(every: every, width: width)
    }
}
