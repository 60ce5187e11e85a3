import Realtime
import Telemetry

/// What is known of one device in one room: its latest readings, one for each set of metrics it sends, and whether it
/// is there.
struct DeviceState {
    /// A device that sends more different sets of metrics than this loses its longest silent one.
    static let maxSeries = 64

    let device: DeviceID
    let room: String
    private(set) var series: [DeviceSeries] = []
    /// Approximate bytes of the device in memory.
    private(set) var byteCount: Int
    /// Index of the latest reading's series: the next reading is likely to be of the same.
    private var latestIndex = 0
    /// When the latest message of the device itself was received; its last will is not of it.
    private(set) var lastSeen: Timestamp
    /// Whether the device is there; `nil` while all that is known was retained by the broker.
    var presence: DevicePresence?
    private(set) var intervals = IntervalEstimate()
    /// Names the device's `device_status` messages: what conflation compares.
    let statusKey: ConflationKey
    /// The device's place in the watch for silence.
    let slot: Int
    /// `{"room_id":"…","device":"…","data":{`
    private let prefix: [UInt8]

    init(device: DeviceID, room: String, seen: Timestamp, statusKey: ConflationKey, slot: Int) {
        self.device = device
        self.room = room
        self.lastSeen = seen
        self.statusKey = statusKey
        self.slot = slot
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"room_id\":", to: &bytes)
        JSONWriter.append(room, to: &bytes)
        JSONWriter.append(raw: ",\"device\":", to: &bytes)
        JSONWriter.append(device.rawValue, to: &bytes)
        JSONWriter.append(raw: ",\"data\":{", to: &bytes)
        prefix = bytes
        byteCount = Self.fixedByteCount + 3 * (room.utf8.count + device.rawValue.utf8.count)
    }

    /// Bytes of a device beside its names and series: its slots in the maps, and their spare capacity.
    private static let fixedByteCount = 1024

    /// Takes a reading; returns what it changes, or `nil` for nothing.
    ///
    /// - Parameter maxBytes: what the device may hold; beyond it its longest silent series are forgotten.
    mutating func update(
        with reading: Reading, version: UInt64, maxBytes: Int, order: inout EvictionOrder, nextKey: inout UInt64,
        watch: inout SilenceWatch
    ) -> DeviceUpdate? {
        guard let index = store(reading, maxBytes: maxBytes, nextKey: &nextKey) else { return nil }
        series[index].version = version
        order.heard(slot, byteCount: byteCount)
        let isNews = hear(reading, watch: &watch)
        return DeviceUpdate(
            status: isNews ? statusPart : nil,
            reading: DeviceUpdate.Part(payload: livePayload(of: index), key: series[index].key))
    }

    /// Takes a reading as the latest of its series; returns the series' index, or `nil` when it changes nothing: a
    /// retained message tells what was, so it never replaces what was heard since.
    private mutating func store(_ reading: Reading, maxBytes: Int, nextKey: inout UInt64) -> Int? {
        if let index = index(fitting: reading) {
            if reading.isRetained, !series[index].latest.isRetained { return nil }
            if !reading.isRetained, !series[index].latest.isRetained {
                intervals.record(
                    reading.receivedAt.nanosecondsSinceEpoch
                        - series[index].latest.receivedAt.nanosecondsSinceEpoch)
            }
            byteCount -= series[index].byteCount
            series[index].latest = reading
            byteCount += series[index].byteCount
            latestIndex = index
            markSeen(at: reading.receivedAt)
            return index
        }
        nextKey += 1
        let new = DeviceSeries(key: ConflationKey(rawValue: nextKey), first: reading)
        while series.count >= Self.maxSeries || byteCount + new.byteCount > maxBytes, forgetOldestSeries() {}
        series.append(new)
        byteCount += new.byteCount
        latestIndex = series.count - 1
        markSeen(at: reading.receivedAt)
        return latestIndex
    }

    /// The series of a reading's metrics. Compares the names of a few series only, and the digests of the others.
    private func index(fitting reading: Reading) -> Int? {
        if series.indices.contains(latestIndex), series[latestIndex].fits(reading) { return latestIndex }
        guard series.count > 4 else { return series.firstIndex { $0.fits(reading) } }
        let digest = DeviceSeries.digest(of: reading)
        return series.firstIndex { $0.digest == digest && $0.fits(reading) }
    }

    /// Forgets the series that was silent longest; false when there is none.
    @discardableResult
    mutating func forgetOldestSeries() -> Bool {
        guard let oldest = series.indices.min(by: { series[$0].latest.receivedAt < series[$1].latest.receivedAt })
        else { return false }
        byteCount -= series.remove(at: oldest).byteCount
        return true
    }

    /// Forgets the oldest of several series; returns what the device holds then, or `nil` when it has no second one.
    mutating func forgetSeriesButLast() -> Int? {
        guard series.count > 1 else { return nil }
        forgetOldestSeries()
        return byteCount
    }

    /// Something of the device was received.
    mutating func markSeen(at instant: Timestamp) {
        lastSeen = max(lastSeen, instant)
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
