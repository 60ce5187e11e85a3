import Core
import YAML

/// The rules that involve several keys of a device file. They are checked once every required key is valid on its own.
struct ProfileRules {
    let profile: DeviceProfile
    let fields: YAMLMapping

    /// Reports every violated rule.
    func check() {
        checkTopics()
        checkTimes()
        checkSchedule()
    }

    private func checkTopics() {
        let format = profile.format
        if profile.deviceNames.count > 1 {
            if !profile.topic.namesDevice {
                fields.fail("topic", "each device of a fleet needs its own topic; allowed: a topic with {device}")
            }
            if let status = profile.status, !status.topic.namesDevice {
                fields.fail(
                    statusKey, "each device of a fleet needs its own status topic; allowed: a topic with {device}")
            }
        }
        if profile.status?.topic.namesMetric == true {
            fields.fail(statusKey, "a status belongs to the whole device; allowed: a topic without {metric}")
        }
        checkStatusTopic()
        if profile.topic.namesMetric, !format.allowsMetricInTopic {
            fields.fail(
                "topic", "\(format.rawValue) sends all metrics in one payload; allowed: a topic without {metric}")
        }
        if !profile.topic.namesMetric, !format.holdsWholeSample, profile.metrics.count > 1 {
            fields.fail("topic", "\(format.rawValue) sends one value per payload; allowed: a topic with {metric}")
        }
        if fields["units"] != nil, !format.hasOptionalUnits {
            fields.fail("units", "units are not optional in \(format.rawValue); allowed: only with json")
        }
    }

    /// Reports readings on the status topic, because the gateway would interpret them as statuses.
    private func checkStatusTopic() {
        guard let name = profile.deviceNames.first, let topic = profile.status?.topic.topic(device: name),
            profile.metrics.contains(where: { profile.topic.topic(device: name, metric: $0.name) == topic })
        else { return }
        fields.fail(
            statusKey, "the topic \"\(topic)\" also carries readings; allowed: a separate topic, or null for none")
    }

    /// The key that is named in problems with the status topic: `status` if the file has it, otherwise `status_topic`,
    /// which can also replace the default topic.
    private var statusKey: String { fields["status"] != nil ? "status" : "status_topic" }

    private func checkTimes() {
        let format = profile.format
        if profile.stamps != .none, !format.carriesTime {
            fields.fail("stamps", "\(format.rawValue) payloads carry no time; allowed: none")
        }
        if profile.stamps == .keepTime, profile.replay?.table.times.isEmpty != false {
            fields.fail("stamps", "\"keep_time\" requires the times of a replay; allowed: only with replay.time")
        }
        if fields["clock_skew"] != nil, profile.stamps == .none {
            fields.fail(
                "clock_skew", "the clock has no effect without stamps; allowed: only with stamps now or keep_time")
        }
    }

    private func checkSchedule() {
        guard let replay = profile.replay else {
            if profile.jitter > profile.interval / 2 {
                fields.fail(
                    "jitter",
                    "samples could be reordered; allowed: at most half of interval, which is \(DurationText.format(profile.interval))"
                )
            }
            return
        }
        if fields["interval"] != nil, replay.pace != .interval(profile.interval) {
            fields.fail("interval", "the replay sets the pace; allowed: only with a replay without time and speed")
        }
        for key in ["jitter", "burst"] where fields[key] != nil {
            fields.fail(key, "the replay sets the pace; allowed: only without replay")
        }
    }
}
