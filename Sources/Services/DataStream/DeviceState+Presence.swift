import Telemetry

/// Whether the device is there. Presence changes when it becomes another than it was, and keeps its reason and its
/// instant until then: a birth of a device that is online anyway is no news.
///
///                  reading (not retained), status online
///           ┌──────────────────────────────────────────────┐
///     offline ◀── status offline; silence ──────────── online
///           ▲                                              ▲
///           └── status offline; silence ── unknown ── reading, status online
extension DeviceState {
    /// Takes a status of the device's own topic; true when presence changed.
    ///
    /// A retained `online` counts as heard now: when it was said, nobody knows, and if the device is gone without a
    /// last will, silence tells so in time. Once it did, the same word of old does not bring the device back.
    mutating func take(_ report: StatusReport, order: inout EvictionOrder, watch: inout SilenceWatch) -> Bool {
        if report.isOnline {
            if report.isRetained, presence?.reason == .silence { return false }
            if !report.isRetained {
                markSeen(at: report.receivedAt)
                order.heard(slot, byteCount: byteCount)
            }
            listen(from: report.receivedAt, watch: &watch)
            return change(to: .online, because: .will, at: report.receivedAt)
        }
        watch.rest(slot)
        return change(to: .offline, because: .will, at: report.receivedAt)
    }

    /// Takes note of a reading; true when it brings the device back. That a device is there whose reading is the first
    /// that is heard of it needs no further word.
    ///
    /// What the broker had retained is no sign of life, but from then on something of the device is to be heard.
    mutating func hear(_ reading: Reading, watch: inout SilenceWatch) -> Bool {
        if reading.isRetained {
            if presence == nil { listen(from: reading.receivedAt, watch: &watch) }
            return false
        }
        listen(from: reading.receivedAt, watch: &watch)
        let isReturn = presence?.status == .offline
        return change(to: .online, because: .reading, at: reading.receivedAt) && isReturn
    }

    /// Nothing was heard for too long.
    mutating func fallSilent(at now: Timestamp) {
        _ = change(to: .offline, because: .silence, at: now)
    }

    /// The live `device_status`; `nil` while nothing is known.
    var statusPart: DeviceUpdate.Part? {
        statusPayload().map { DeviceUpdate.Part(payload: $0, key: statusKey) }
    }

    /// The `device_status` payload; `nil` while nothing is known.
    func statusPayload(isSnapshot: Bool = false) -> [UInt8]? {
        guard let presence else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128 + room.utf8.count + device.rawValue.utf8.count)
        JSONWriter.append(raw: "{\"room_id\":", to: &bytes)
        JSONWriter.append(room, to: &bytes)
        JSONWriter.append(raw: ",\"device\":", to: &bytes)
        JSONWriter.append(device.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"status\":", to: &bytes)
        JSONWriter.append(presence.status.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"reason\":", to: &bytes)
        JSONWriter.append(presence.reason.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"since\":", to: &bytes)
        JSONWriter.appendRFC3339(presence.since, to: &bytes)
        if isSnapshot { JSONWriter.append(raw: ",\"snapshot\":true", to: &bytes) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func change(
        to status: DevicePresence.Status, because reason: DevicePresence.Reason, at instant: Timestamp
    ) -> Bool {
        if presence?.status == status { return false }
        presence = DevicePresence(status: status, reason: reason, since: instant)
        return true
    }

    private func listen(from instant: Timestamp, watch: inout SilenceWatch) {
        guard let base = watch.base else { return }
        watch.listen(slot, from: instant, allowance: intervals.allowance(atLeast: base))
    }
}
