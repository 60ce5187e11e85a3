import Services
import Storage
import Telemetry

extension DeviceSummary {
    /// As one element of `GET /api/devices`.
    ///
    /// - Parameter firstSeen: when the device was heard for the first time.
    func json(firstSeen: Timestamp?) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("device", device.rawValue)
        object.add("room_id", room)
        if let firstSeen { object.add("first_seen", firstSeen.secondsSinceEpoch) }
        object.add("last_seen", lastSeen.secondsSinceEpoch)
        if let ageMilliseconds { object.add("age_ms", Int(ageMilliseconds)) }
        object.add("retained", isRetained)
        if let presence {
            object.add("status", presence.status.rawValue)
            object.add("status_reason", presence.reason.rawValue)
            object.add("status_since", time: presence.since)
        }
        object.add("data", object: data)
        object.add("units", object: units)
        return object.finished()
    }

    private var data: [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for metric in metrics where metric.name != "timestamp" {
            JSONWriter.append(metric.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONWriter.append(metric.value, to: &bytes)
            bytes.append(UInt8(ascii: ","))
        }
        JSONWriter.append(raw: "\"timestamp\":", to: &bytes)
        JSONWriter.append(time.secondsSinceEpoch, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private var units: [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for metric in metrics {
            guard let unit = metric.unit else { continue }
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(metric.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            JSONWriter.append(unit, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

extension StoredDevice {
    /// The same of a device that was not heard since the start.
    var json: [UInt8] {
        var object = JSONObjectBuilder()
        object.add("device", name)
        object.add("room_id", room)
        object.add("first_seen", firstSeen.secondsSinceEpoch)
        object.add("last_seen", lastSeen.secondsSinceEpoch)
        object.add("retained", false)
        object.add("data", object: Array("{}".utf8))
        object.add("units", object: Array("{}".utf8))
        return object.finished()
    }
}
