/// A snapshot of a running simulation, for a progress line.
package struct SimulationStatistics: Sendable, Hashable {
    /// The time since the start.
    package var elapsed: Duration
    package var deviceCount: Int
    /// Devices that are currently connected.
    package var connectedCount: Int
    /// Devices that have sent all their messages.
    package var finishedCount: Int
    package var total: DeviceCounters
    /// The error of a device that cannot connect, in words; `nil` if there is no such device.
    package var connectionProblem: String?

    /// Returns the messages per second since an earlier snapshot; 0 when no time has passed.
    package func messagesPerSecond(since earlier: SimulationStatistics) -> Double {
        let seconds = (elapsed - earlier.elapsed).seconds
        return seconds > 0 ? Double(total.messages - earlier.total.messages) / seconds : 0
    }
}

/// The results of a finished simulation.
package struct SimulationSummary: Sendable, Hashable, CustomStringConvertible {
    package struct Device: Sendable, Hashable {
        package var name: String
        package var counters: DeviceCounters
    }

    package var elapsed: Duration
    /// The devices in the order of files and names.
    package var devices: [Device]
    /// The error of a device that could not connect until the end, in words; `nil` if there is no such device.
    package var connectionProblem: String?

    package var total: DeviceCounters {
        devices.reduce(into: DeviceCounters()) { $0 += $1.counters }
    }

    /// True when the broker received everything that was sent.
    package var isComplete: Bool { total.unacknowledged == 0 && total.lost == 0 && connectionProblem == nil }

    /// One line: `12010 messages (12010 readings, 1153433 bytes) from 57 devices in 12.0 s: 12010 acknowledged`,
    /// followed by the counts of other outcomes.
    package var description: String {
        let total = total
        var text = """
            \(total.messages) messages (\(total.readings) readings, \(total.payloadBytes) bytes) from \(devices.count) \
            device\(devices.count == 1 ? "" : "s") in \((elapsed.seconds * 10).rounded() / 10) s: \
            \(total.acknowledged) acknowledged
            """
        for (count, what) in [
            (total.unacknowledged, "not acknowledged"), (total.lost, "lost without a connection"),
            (total.dropped, "dropped by drop_rate"), (total.skipped, "skipped while offline"),
        ] where count > 0 {
            text += ", \(count) \(what)"
        }
        return text
    }
}

/// The counters of one device, or of all devices together.
package struct DeviceCounters: Sendable, Hashable {
    /// Samples with at least one sent message.
    package var readings = 0
    /// Messages passed to the MQTT client, without status messages.
    package var messages = 0
    /// The total payload size of ``messages``, in bytes.
    package var payloadBytes = 0
    /// Messages acknowledged by the broker (QoS 1) or accepted by the socket (QoS 0).
    package var acknowledged = 0
    /// Messages that the MQTT client dropped or rejected. At QoS 0, it drops every message while there is no
    /// connection.
    package var lost = 0
    /// Messages that were not sent because of the drop rate.
    package var dropped = 0
    /// Messages that were not sent because the device was offline.
    package var skipped = 0

    package init() {}

    /// The number of messages that are neither acknowledged nor lost.
    package var unacknowledged: Int { messages - acknowledged - lost }

    package static func += (sum: inout DeviceCounters, other: DeviceCounters) {
        sum.readings += other.readings
        sum.messages += other.messages
        sum.payloadBytes += other.payloadBytes
        sum.acknowledged += other.acknowledged
        sum.lost += other.lost
        sum.dropped += other.dropped
        sum.skipped += other.skipped
    }
}
