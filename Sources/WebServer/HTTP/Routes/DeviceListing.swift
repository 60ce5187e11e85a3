import Core
import Foundation
import OpenSSL
import Services
import Storage
import Telemetry

extension DeviceSummary {
    /// Returns the device as one element of `GET /api/devices`.
    ///
    /// - Parameter firstSeen: The time of the device's first message.
    func json(firstSeen: Timestamp?) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("device", device.rawValue)
        object.add("room_id", room)
        if let firstSeen { object.add("first_seen", firstSeen.secondsSinceEpoch) }
        object.add("last_seen", lastSeen.secondsSinceEpoch)
        if let ageMilliseconds { object.add("age_ms", Int(ageMilliseconds)) }
        if let interval { object.add("interval_ms", interval.wholeMilliseconds) }
        object.add("retained", isRetained)
        if let availability { object.add(availability) }
        object.add("data", object: data)
        object.add("units", object: units)
        return object.finished()
    }

    private var data: [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "{")]
        for metric in values.lazy.map(\.metric) where metric.name != "timestamp" {
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
        for metric in values.lazy.map(\.metric) {
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

extension JSONObjectBuilder {
    mutating func add(_ availability: DeviceAvailability) {
        add("status", availability.status.rawValue)
        add("status_reason", availability.reason.rawValue)
        add("status_since", time: availability.since)
    }
}

extension Duration {
    /// The duration in milliseconds, rounded down.
    var wholeMilliseconds: Int { Int(self / .milliseconds(1)) }
}

extension StoredDevice {
    /// The device as one element of `GET /api/devices`, when there are too many to keep their values in memory.
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

/// An encoder and decoder of the `next` cursor of a page of devices.
///
/// A page may end at a device in a room that the token may not see. The cursor is then encrypted with a key that lasts
/// as long as the process, so a restart invalidates it.
struct DeviceCursors: Sendable {
    private static let paddedByteCount = 256

    private let key = SealingKey()

    /// Returns the cursor of the page that begins after a device.
    ///
    /// - Parameter isShown: True when the client may see the device's room, so that the cursor needs no encryption.
    func cursor(of device: DeviceKey, isShown: Bool) -> String {
        guard !isShown else { return device.cursor }
        // Padded, so that the length reveals nothing either. The result has no slash, unlike every plain cursor.
        var text = Array(device.cursor.utf8)
        text.append(contentsOf: repeatElement(0, count: Self.paddedByteCount - text.count % Self.paddedByteCount))
        return Base64URL.encode(key.seal(text))
    }

    /// Decodes a cursor; `nil` when it is invalid or from another process.
    func device(at cursor: String) -> DeviceKey? {
        if let device = DeviceKey(cursor: cursor) { return device }
        guard let box = Base64URL.decode(cursor), let text = key.open(box) else { return nil }
        return DeviceKey(cursor: String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
    }
}
