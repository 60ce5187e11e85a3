/// What a simulation sent, once it is over.
package struct SimulationSummary: Sendable, Hashable, CustomStringConvertible {
    package struct Device: Sendable, Hashable {
        package var name: String
        package var counters: DeviceCounters
    }

    package var elapsed: Duration
    /// In the order of the files and names.
    package var devices: [Device]
    /// Why a device had no connection at the end; in words.
    package var connectionProblem: String?

    package var total: DeviceCounters {
        devices.reduce(into: DeviceCounters()) { $0 += $1.counters }
    }

    /// Whether everything that was sent arrived at the broker.
    package var isComplete: Bool { total.unacknowledged == 0 && total.lost == 0 && connectionProblem == nil }

    /// One line: `12,010 messages (12,010 readings, 1.1 MB) of 57 devices in 12.0 s: all acknowledged`.
    package var description: String {
        let total = total
        var text = """
            \(total.messages) messages (\(total.readings) readings, \(total.payloadBytes) bytes) from \(devices.count) \
            device\(devices.count == 1 ? "" : "s") in \((elapsed.seconds * 10).rounded() / 10) s: \
            \(total.acknowledged) acknowledged
            """
        for (count, what) in [
            (total.unacknowledged, "not acknowledged"), (total.lost, "given up without a connection"),
            (total.dropped, "dropped by drop_rate"), (total.skipped, "left out while offline"),
        ] where count > 0 {
            text += ", \(count) \(what)"
        }
        return text
    }
}
