package import Core
package import MQTTTransport
import YAML

/// The contents of a device file: the behaviour of one device, or of each device of a fleet.
///
/// A plain value. ``load(_:)`` reads it from YAML, and ``devices(messageLimit:)`` creates its devices.
package struct DeviceProfile: Sendable {
    /// The path of the device file, as the user gave it.
    package var path: String
    /// The devices' names; never empty. Those of a fleet are `fleet-01`, `fleet-02` and so on.
    package var deviceNames: [String]
    /// The topic, with `{device}` and, for one topic per metric, `{metric}`.
    package var topic: TopicTemplate
    package var format: PayloadFormat
    /// True to write units into payloads where they are optional.
    package var withUnits = false
    package var qos: MQTTQoS = .atLeastOnce
    package var retain = false
    /// The time between two samples. A replay with a time column or with `speed: max` overrides it.
    package var interval: Duration = .seconds(1)
    /// The maximum deviation of a sample from its regular time, early or late; at most half of the interval.
    package var jitter: Duration = .zero
    package var seed: UInt64 = 0
    package var stamps: TimestampSource = .now
    /// The share of messages that a device generates but never sends, 0 to 1.
    package var dropRate: Double = 0
    package var burst: Burst?
    package var offline: OfflineWindows?
    package var clockSkew = ClockSkew.none
    /// The status topic and its messages, including the last will.
    package var status: DeviceStatus?
    /// In the file's order; never empty.
    package var metrics: [MetricProfile]
    package var replay: Replay?

    /// The source of a payload's timestamp. The raw values are the words used in device files.
    package enum TimestampSource: String, CaseIterable, Sendable {
        /// The device's clock when it creates the message.
        case now
        /// The time of the replayed row.
        case keepTime = "keep_time"
        /// No timestamp.
        case none
    }

    /// Additional samples, taken at once at regular intervals.
    package struct Burst: Sendable, Hashable {
        package var every: Duration
        /// The number of samples in a burst, in addition to the regular ones.
        package var readings: Int
    }

    /// The windows in which devices have no connection, and the share of the fleet that is affected.
    package struct OfflineWindows: Sendable, Hashable {
        package var windows: RecurringWindows
        /// The share of the fleet that goes offline, 0 to 1.
        package var share: Double
    }

    /// Returns the devices of this file, in order of their names.
    ///
    /// - Parameter messageLimit: The number of messages after which each device stops; unlimited when `nil`.
    package func devices(messageLimit: Int? = nil) -> [VirtualDevice] {
        deviceNames.map { VirtualDevice(name: $0, profile: self, messageLimit: messageLimit) }
    }

    // MARK: Loading

    /// Reads a device file and the CSV file that it names.
    ///
    /// - Throws: ``ConfigurationError`` with all problems, each with its file, line and key, and the allowed values.
    package static func load(_ path: String) throws(ConfigurationError) -> DeviceProfile {
        try ProfileReader.profile(of: try YAMLDocument(contentsOf: path))
    }

    /// Reads several device files.
    ///
    /// - Throws: ``ConfigurationError`` with the problems of all files, including device names that occur twice.
    package static func load(_ paths: [String]) throws(ConfigurationError) -> [DeviceProfile] {
        var profiles: [DeviceProfile] = []
        var problems: [ConfigurationError.Problem] = []
        for path in paths {
            do {
                profiles.append(try load(path))
            } catch {
                problems += error.problems
            }
        }
        problems += duplicates(in: profiles)
        if !problems.isEmpty { throw ConfigurationError(problems) }
        return profiles
    }

    /// Returns the device files of a folder, sorted by name: `*.yaml` and `*.yml`, without those in subfolders.
    ///
    /// - Throws: ``ConfigurationError`` when the folder cannot be read or has no device files.
    package static func files(in folder: String) throws(ConfigurationError) -> [String] {
        let files = YAMLDocument.files(in: folder) ?? []
        guard !files.isEmpty else {
            throw ConfigurationError(
                origin: folder, problem: "the folder contains no device files; expected *.yaml or *.yml")
        }
        return files
    }

    /// Returns a problem for each file with a device name that an earlier file has used. Such devices would share their
    /// topics.
    private static func duplicates(in profiles: [DeviceProfile]) -> [ConfigurationError.Problem] {
        var owners: [String: String] = [:]
        var problems: [ConfigurationError.Problem] = []
        for profile in profiles {
            guard let name = profile.deviceNames.first(where: { owners[$0] != nil }) else {
                for name in profile.deviceNames { owners[name] = profile.path }
                continue
            }
            problems.append(
                ConfigurationError.Problem(
                    origin: profile.path, key: "device",
                    message: "duplicate device \"\(name)\", already defined in \(owners[name] ?? "")"))
        }
        return problems
    }
}

/// One metric of a device file: its name, unit and source.
package struct MetricProfile: Sendable {
    package enum Source: Sendable {
        case waveform(Waveform)
        /// A column of the replayed CSV file.
        case column(String)
    }

    package var name: String
    package var unit: String?
    /// The number of decimals that values are rounded to; `nil` for no rounding.
    package var decimals: Int?
    package var source: Source

    /// Rounds a value to the metric's decimals.
    func rounded(_ value: Double) -> Double {
        guard let decimals else { return value }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        // From 2^53 on, a double has no decimals to round, and the product might overflow.
        return value.magnitude * scale < 0x1p53 ? (value * scale).rounded() / scale : value
    }
}

/// A device's status topic and its messages.
///
/// The device publishes `online` after each connect and `offline` before it disconnects. The last will is also
/// `offline`; the broker publishes it when the connection is lost. Each device has its own connection and thus its own
/// last will: if the simulator is killed, every device goes offline.
package struct DeviceStatus: Sendable, Hashable {
    package var topic: TopicTemplate
    package var online = "online"
    package var offline = "offline"
    /// True when the broker retains the latest status for later subscribers.
    package var retain = true
}

/// The error of a device's clock. It shifts the timestamps in payloads, not the times of sending.
package enum ClockSkew: Sendable, Hashable {
    case none
    /// The clock is ahead by this duration, or behind if it is negative.
    case fixed(Duration)
    /// The clocks of a share of the fleet are wrong, each by its own random offset of at most `upTo` in either
    /// direction.
    case random(upTo: Duration, share: Double)

    /// Returns the clock offset of the device with this seed.
    func offset(deviceSeed: UInt64) -> Duration {
        switch self {
        case .none: return .zero
        case .fixed(let offset): return offset
        case .random(let limit, let share):
            var random = SeededGenerator(seed: deviceSeed, for: "clock skew")
            guard random.nextUnit() < share else { return .zero }
            return .seconds(rounding: random.nextSigned(limit.seconds))
        }
    }
}
