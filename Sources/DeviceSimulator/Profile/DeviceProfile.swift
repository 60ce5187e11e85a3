package import MQTTTransport

/// A device file: how one device, or each device of a fleet, behaves.
///
/// A plain value; ``load(_:)`` makes it of YAML, and ``devices(messageLimit:)`` makes the devices of it.
package struct DeviceProfile: Sendable {
    /// The file that it was read from, as it was named.
    package var path: String
    /// The devices' names; never empty. A fleet's are `fleet-01`, `fleet-02` and so on.
    package var deviceNames: [String]
    /// With `{device}` and, for a topic for each metric, `{metric}`.
    package var topic: TopicTemplate
    package var format: PayloadFormat
    /// Whether units are written into payloads that may have them.
    package var withUnits = false
    package var qos: MQTTQoS = .atLeastOnce
    package var retain = false
    /// The time from one sample to the next; when a replay has times of its own it decides.
    package var interval: Duration = .seconds(1)
    /// How far a sample may be off its place, to either side; at most half of the interval.
    package var jitter: Duration = .zero
    package var seed: UInt64 = 0
    package var stamps: StampSource = .now
    /// The part of messages that a device makes and never sends, 0 to 1.
    package var dropRate: Double = 0
    package var burst: Burst?
    package var offline: OfflineWindows?
    package var clockSkew = ClockSkew.none
    /// Where the device says that it is there; its last will says the contrary.
    package var status: DeviceStatus?
    /// In the file's order; never empty.
    package var metrics: [MetricProfile]
    package var replay: Replay?

    /// Where a payload's time comes from. The raw values are the words of device files.
    package enum StampSource: String, CaseIterable, Sendable {
        /// The device's clock when it makes the message.
        case now
        /// The time of the replayed row.
        case keepTime = "keep_time"
        /// The payload has no time.
        case none
    }

    /// Several samples at once, now and then.
    package struct Burst: Sendable, Hashable {
        package var every: Duration
        /// How many more there are than at other times.
        package var readings: Int
    }

    /// When a device loses its connection, and which devices of a fleet do.
    package struct OfflineWindows: Sendable, Hashable {
        package var windows: Windows
        /// The part of the fleet that it happens to, 0 to 1.
        package var share: Double
    }

    /// The devices of this file in the order of their names.
    ///
    /// - Parameter messageLimit: how many messages each device sends before it stops; without end when `nil`.
    package func devices(messageLimit: Int? = nil) -> [VirtualDevice] {
        deviceNames.map { VirtualDevice(name: $0, profile: self, messageLimit: messageLimit) }
    }
}
