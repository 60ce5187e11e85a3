import Core
import Yams

/// The rules that involve several keys of a device file. They are checked once every required key is valid on its own.
struct ProfileRules {
    let profile: DeviceProfile
    let reader: MappingReader

    /// Reports every violated rule.
    func check() {
        checkTopics()
        checkTimes()
        checkSchedule()
        for metric in profile.metrics { checkName(metric.name) }
    }

    private func checkTopics() {
        let format = profile.format
        if profile.deviceNames.count > 1 {
            if !profile.topic.namesDevice {
                report("topic", "each device of a fleet needs its own topic; allowed: a topic with {device}")
            }
            if let status = profile.status, !status.topic.namesDevice {
                report(statusKey, "each device of a fleet needs its own status topic; allowed: a topic with {device}")
            }
        }
        if profile.status?.topic.namesMetric == true {
            report(statusKey, "a status belongs to the whole device; allowed: a topic without {metric}")
        }
        checkStatusTopic()
        if profile.topic.namesMetric, !format.allowsMetricInTopic {
            report("topic", "\(format.rawValue) sends all metrics in one payload; allowed: a topic without {metric}")
        }
        if !profile.topic.namesMetric, !format.holdsWholeSample, profile.metrics.count > 1 {
            report("topic", "\(format.rawValue) sends one value per payload; allowed: a topic with {metric}")
        }
        if reader.has("units"), !format.hasOptionalUnits {
            report("units", "units are not optional in \(format.rawValue); allowed: only with json")
        }
    }

    /// Reports readings on the status topic, because the gateway would interpret them as statuses.
    private func checkStatusTopic() {
        guard let name = profile.deviceNames.first, let topic = profile.status?.topic.topic(device: name),
            profile.metrics.contains(where: { profile.topic.topic(device: name, metric: $0.name) == topic })
        else { return }
        report(statusKey, "the topic '\(topic)' also carries readings; allowed: a separate topic, or null for none")
    }

    /// The key that is named in problems with the status topic: `status` if the file has it, otherwise `status_topic`,
    /// which can also replace the default topic.
    private var statusKey: String { reader.has("status") ? "status" : "status_topic" }

    private func checkTimes() {
        let format = profile.format
        if profile.stamps != .none, !format.carriesTime {
            report("stamps", "\(format.rawValue) payloads carry no time; allowed: none")
        }
        if profile.stamps == .keepTime, profile.replay?.table.times.isEmpty != false {
            report("stamps", "'keep_time' requires the times of a replay; allowed: only with replay.time")
        }
        if reader.has("clock_skew"), profile.stamps == .none {
            report("clock_skew", "the clock has no effect without stamps; allowed: only with stamps now or keep_time")
        }
    }

    private func checkSchedule() {
        guard let replay = profile.replay else {
            if profile.jitter > profile.interval / 2 {
                report(
                    "jitter",
                    "samples could be reordered; allowed: at most half of interval, which is \(DurationText.format(profile.interval))"
                )
            }
            return
        }
        if reader.has("interval"), replay.pace != .interval(profile.interval) {
            report("interval", "the replay sets the pace; allowed: only with a replay without time and speed")
        }
        for key in ["jitter", "burst"] where reader.has(key) {
            report(key, "the replay sets the pace; allowed: only without replay")
        }
    }

    private func checkName(_ name: String) {
        let allowed: String? =
            switch profile.format {
            case .json where Self.jsonMembers.contains(name):
                "a name other than \(Self.jsonMembers.joined(separator: ", ")), which json reserves"
            case .thingsboard where name == "values" || name == "ts":
                "a name other than ts and values, which thingsboard reserves"
            case .zigbee2mqtt where Self.zigbeeMembers.contains(name):
                "a name other than \(Self.zigbeeMembers.joined(separator: ", ")), which zigbee2mqtt reserves"
            case .tasmota where !TasmotaEncoder.canWrite(name): "words of lower case letters, joined with _"
            case .senml where !SenMLEncoder.canWrite(name): "letters and digits; - . _ only after the first character"
            default: nil
            }
        if let allowed {
            report("metrics.\(name)", "the name cannot be sent as \(profile.format.rawValue); allowed: \(allowed)")
        }
    }

    private static let jsonMembers = [
        "ts", "time", "timestamp", "value", "values", "device", "traceparent", "tracestate",
    ]
    private static let zigbeeMembers = ["last_seen", "device", "update"]

    private func report(_ key: String, _ message: String) {
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        var node = reader.keys.first { $0.name == parts[0] }?.value ?? reader.node
        if parts.count == 2, let inner = node.mapping?.first(where: { $0.key.scalar?.string == parts[1] }) {
            node = inner.key
        }
        reader.problems.add(message, at: node, key: key)
    }
}
