import Realtime
import Telemetry

/// What is known of one device in one room: its latest readings, one for each set of metrics it sends.
struct DeviceState {
    /// A device that sends more different sets of metrics than this loses its longest silent one.
    static let maxSeries = 64

    let device: DeviceID
    let room: String
    private(set) var series: [DeviceSeries] = []
    /// When the latest reading of any series was received.
    private(set) var lastSeen: Timestamp
    /// `{"room_id":"…","device":"…","data":{`
    private let prefix: [UInt8]

    init(device: DeviceID, room: String, seen: Timestamp) {
        self.device = device
        self.room = room
        self.lastSeen = seen
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"room_id\":", to: &bytes)
        JSONWriter.append(room, to: &bytes)
        JSONWriter.append(raw: ",\"device\":", to: &bytes)
        JSONWriter.append(device.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"data\":{", to: &bytes)
        prefix = bytes
    }

    /// Takes a reading as the latest of its series; returns the series' index, or `nil` when it changes nothing: a
    /// retained message tells what was, so it never replaces what was heard since.
    mutating func update(with reading: Reading, nextKey: inout UInt64) -> Int? {
        if let index = series.firstIndex(where: { $0.fits(reading) }) {
            if reading.isRetained, !series[index].latest.isRetained { return nil }
            series[index].latest = reading
            lastSeen = max(lastSeen, reading.receivedAt)
            return index
        }
        if series.count >= Self.maxSeries,
            let oldest = series.indices.min(by: { series[$0].latest.receivedAt < series[$1].latest.receivedAt })
        {
            series.remove(at: oldest)
        }
        nextKey += 1
        series.append(DeviceSeries(key: ConflationKey(rawValue: nextKey), first: reading))
        lastSeen = max(lastSeen, reading.receivedAt)
        return series.count - 1
    }

    /// The `data_update` payload of a series' latest reading.
    func livePayload(of index: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prefix.count + 48 * (series[index].latest.metrics.count + 1))
        bytes += prefix
        series[index].appendData(to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// The same for somebody who has just joined: with the reading's age, unless that cannot be known.
    func snapshotPayload(of index: Int, at now: Timestamp) -> [UInt8] {
        var bytes = livePayload(of: index)
        bytes.removeLast()
        JSONWriter.append(raw: ",\"snapshot\":true", to: &bytes)
        if let age = Self.ageMilliseconds(of: series[index].latest, at: now) {
            JSONWriter.append(raw: ",\"age_ms\":", to: &bytes)
            JSONWriter.append(age, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// How old a reading is; `nil` for a retained one without a time of its own, whose age nobody knows.
    static func ageMilliseconds(of reading: Reading, at now: Timestamp) -> Int64? {
        if reading.isRetained, !reading.hasDeviceTime { return nil }
        return max(0, (now.nanosecondsSinceEpoch - reading.time.nanosecondsSinceEpoch) / 1_000_000)
    }
}
