import Core
import Telemetry
import Yams

/// Rules that involve several keys of a device file. They are checked once each key is valid on its own.
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
                report("topic", "the devices of a fleet need a topic each; allowed: a topic with {device}")
            }
            if let status = profile.status, !status.topic.namesDevice {
                report(statusKey, "the devices of a fleet need a status topic each; allowed: a topic with {device}")
            }
        }
        if profile.status?.topic.namesMetric == true {
            report(statusKey, "a status is of no metric; allowed: a topic without {metric}")
        }
        checkStatusTopic()
        if profile.topic.namesMetric, !format.allowsMetricInTopic {
            report("topic", "\(format.rawValue) has all metrics in one payload; allowed: a topic without {metric}")
        }
        if !profile.topic.namesMetric, !format.holdsWholeSample, profile.metrics.count > 1 {
            report("topic", "\(format.rawValue) has one value in a payload; allowed: a topic with {metric}")
        }
        if reader.has("units"), !format.hasOptionalUnits {
            report("units", "\(format.rawValue) leaves no choice whether units are sent; allowed: only beside json")
        }
    }

    /// Reports readings on the status topic, because the gateway would interpret them as statuses.
    private func checkStatusTopic() {
        guard let name = profile.deviceNames.first, let topic = profile.status?.topic.topic(device: name),
            profile.metrics.contains(where: { profile.topic.topic(device: name, metric: $0.name) == topic })
        else { return }
        report(statusKey, "readings go to the topic '\(topic)' too; allowed: a topic of its own, or none: null")
    }

    /// The key to name in problems with the status topic: the one that sets it, or the one that would override the
    /// default.
    private var statusKey: String { reader.has("status") ? "status" : "status_topic" }

    private func checkTimes() {
        let format = profile.format
        if profile.stamps != .none, !format.carriesTime {
            report("stamps", "\(format.rawValue) has no place for a time; allowed: none")
        }
        if profile.stamps == .keepTime, profile.replay?.table.times.isEmpty != false {
            report("stamps", "'keep_time' needs the time of a row; allowed: only beside replay.time")
        }
        if reader.has("clock_skew"), profile.stamps == .none {
            report("clock_skew", "without stamps a clock does not matter; allowed: only beside stamps now or keep_time")
        }
    }

    private func checkSchedule() {
        guard let replay = profile.replay else {
            if profile.jitter > profile.interval / 2 {
                report(
                    "jitter",
                    "samples would change places; allowed: at most half of interval, which is \(TimeSpan.format(profile.interval))"
                )
            }
            return
        }
        if reader.has("interval"), replay.pace != .interval(profile.interval) {
            report("interval", "the replay sets the pace; allowed: only beside a replay without time and speed")
        }
        for key in ["jitter", "burst"] where reader.has(key) {
            report(key, "the replay sets the pace; allowed: only without replay")
        }
    }

    private func checkName(_ name: String) {
        let allowed: String? =
            switch profile.format {
            case .json where Self.jsonMembers.contains(name):
                "a name other than \(Self.jsonMembers.joined(separator: ", ")), which json uses itself"
            case .thingsboard where name == "values" || name == "ts":
                "a name other than ts and values, which thingsboard uses itself"
            case .zigbee2mqtt where Self.zigbeeMembers.contains(name):
                "a name other than \(Self.zigbeeMembers.joined(separator: ", ")), which zigbee2mqtt uses itself"
            case .tasmota where !TasmotaEncoder.canWrite(name): "words of letters in lower case, joined with _"
            case .senml where !SenMLEncoder.canWrite(name): "letters, digits, and behind the first - . _"
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
