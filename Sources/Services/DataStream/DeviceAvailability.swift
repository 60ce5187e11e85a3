package import Core
import Telemetry

/// A device's online status, its reason, and the time of the last change.
package struct DeviceAvailability: Hashable, Sendable {
    /// The online status. The raw values go over the wire.
    package enum Status: String, Hashable, Sendable {
        case online
        case offline
    }

    /// The cause of the current status. The raw values go over the wire.
    package enum Reason: String, Hashable, Sendable {
        /// A message on the device's status topic: a birth or farewell message, or the last will that the broker
        /// published.
        case will
        /// The device was silent for longer than allowed (see ``DataStreamConfiguration/offlineAfter``).
        case silence
        /// The device sent a reading.
        case reading
    }

    package var status: Status
    package var reason: Reason
    /// The time at which the gateway learned of the status: when it received the message, or when it noticed that the
    /// device had been silent for too long.
    package var since: Timestamp

    /// True when the device's readings already imply the status, so that no separate status message is needed.
    package var isImplied: Bool { status == .online && reason == .reading }

    package init(status: Status, reason: Reason, since: Timestamp) {
        self.status = status
        self.reason = reason
        self.since = since
    }
}

/// The availability state machine. The availability changes only when the status changes, and keeps its reason and time
/// until then. A birth message of a device that is already online therefore changes nothing.
///
///                  reading (not retained), status online
///           ┌──────────────────────────────────────────────┐
///     offline ◀── status offline; silence ──────────── online
///           ▲                                              ▲
///           └── status offline; silence ── unknown ── reading, status online
extension DeviceState {
    /// Applies a message of the device's status topic. Returns true when availability changed.
    ///
    /// A retained `online` starts the silence timer now, because its age is unknown: a device that left without a last
    /// will then times out. After that timeout, the same retained message does not bring the device back.
    mutating func apply(_ report: StatusReport, order: inout EvictionOrder, watch: inout SilenceWatch) -> Bool {
        if report.isOnline {
            if report.isRetained, availability?.reason == .silence { return false }
            if !report.isRetained {
                markSeen(at: report.receivedAt)
                order.touch(slot, byteCount: byteCount)
            }
            restartSilenceTimer(from: report.receivedAt, watch: &watch)
            return change(to: .online, because: .will, at: report.receivedAt)
        }
        watch.stop(slot)
        return change(to: .offline, because: .will, at: report.receivedAt)
    }

    /// Applies a reading. Returns true when it brings an offline device back. The first reading of an unknown device
    /// returns false: it needs no separate status message.
    ///
    /// A retained reading is no sign of life, but it starts the silence timer of an unknown device.
    mutating func apply(_ reading: Reading, watch: inout SilenceWatch) -> Bool {
        if reading.isRetained {
            if availability == nil { restartSilenceTimer(from: reading.receivedAt, watch: &watch) }
            return false
        }
        restartSilenceTimer(from: reading.receivedAt, watch: &watch)
        let isReturn = availability?.status == .offline
        return change(to: .online, because: .reading, at: reading.receivedAt) && isReturn
    }

    /// Marks the device as offline because it was silent for too long.
    ///
    /// A device restored from the database may have been silent since long before the start. Until it is heard, its status
    /// is unknown.
    mutating func markSilent(at now: Timestamp, watch: SilenceWatch) {
        var since = now
        if availability == nil, let base = watch.base {
            let allowance = Duration.nanoseconds(intervals.allowance(atLeast: base))
            since = min(now, lastSeen.advanced(by: allowance))
        }
        _ = change(to: .offline, because: .silence, at: since)
    }

    /// The live `device_status` message; `nil` while availability is unknown.
    var statusPart: DeviceUpdate.Part? {
        statusPayload().map { DeviceUpdate.Part(payload: $0, key: statusKey) }
    }

    /// Returns the `device_status` payload; `nil` while availability is unknown.
    func statusPayload(isSnapshot: Bool = false) -> [UInt8]? {
        guard let availability else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128 + room.utf8.count + device.rawValue.utf8.count)
        JSONWriter.append(raw: "{\"room_id\":", to: &bytes)
        JSONWriter.append(room, to: &bytes)
        JSONWriter.append(raw: ",\"device\":", to: &bytes)
        JSONWriter.append(device.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"status\":", to: &bytes)
        JSONWriter.append(availability.status.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"reason\":", to: &bytes)
        JSONWriter.append(availability.reason.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"since\":", to: &bytes)
        JSONWriter.appendRFC3339(availability.since, to: &bytes)
        if isSnapshot { JSONWriter.append(raw: ",\"snapshot\":true", to: &bytes) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func change(
        to status: DeviceAvailability.Status, because reason: DeviceAvailability.Reason, at instant: Timestamp
    ) -> Bool {
        if availability?.status == status { return false }
        availability = DeviceAvailability(status: status, reason: reason, since: instant)
        return true
    }

    func restartSilenceTimer(from instant: Timestamp, watch: inout SilenceWatch) {
        guard let base = watch.base else { return }
        watch.restart(slot, from: instant, allowance: intervals.allowance(atLeast: base))
    }
}
