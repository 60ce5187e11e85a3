package import Core
import Realtime
import Storage
package import Telemetry

/// The state of one device in one room: the latest reading of each of its series (``DeviceSeries``), and its
/// availability. After a restart, stored values count as the latest ones until the device sends the metric again.
struct DeviceState {
    /// The most series of one device. Beyond it, the series that was silent longest is evicted.
    static let maxSeries = 64

    /// The estimated memory use of a device without its names and series: its entries in the maps, and their spare
    /// capacity.
    private static let fixedByteCount = 1024

    let device: DeviceID
    let room: String
    private(set) var series: [DeviceSeries] = []
    /// Approximate memory use of the device in bytes.
    private(set) var byteCount: Int
    /// Index of the series that was updated last. The next reading probably belongs to it too.
    private var latestIndex = 0
    /// The receive time of the device's latest own message. A last will does not count: the broker sends it.
    private(set) var lastSeen: Timestamp
    /// The device's availability; `nil` while only retained messages are known.
    var availability: DeviceAvailability?
    private(set) var intervals = IntervalEstimate()
    /// The conflation key of the device's `device_status` messages.
    let statusKey: ConflationKey
    /// The device's slot in the ``SilenceWatch`` and the ``EvictionOrder``.
    let slot: Int
    /// The constant beginning of the payloads: `{"room_id":"…","device":"…","data":{`
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

    /// Applies a reading. Returns the resulting messages, or `nil` when nothing changed.
    ///
    /// - Parameter maxBytes: The most memory the device may use. Beyond it, its oldest series are evicted.
    mutating func update(
        with reading: Reading, version: UInt64, maxBytes: Int, order: inout EvictionOrder, nextKey: inout UInt64,
        watch: inout SilenceWatch
    ) -> DeviceUpdate? {
        guard let index = store(reading, maxBytes: maxBytes, nextKey: &nextKey) else { return nil }
        series[index].version = version
        order.touch(slot, byteCount: byteCount)
        let isNews = apply(reading, watch: &watch)
        return DeviceUpdate(
            status: isNews ? statusPart : nil,
            reading: DeviceUpdate.Part(payload: livePayload(of: index), key: series[index].key))
    }

    /// Stores a reading as the latest of its series. Returns the series' index, or `nil` when nothing changed: a
    /// retained reading never replaces a live one.
    private mutating func store(_ reading: Reading, maxBytes: Int, nextKey: inout UInt64) -> Int? {
        if let index = index(fitting: reading) {
            if reading.isRetained, !series[index].latest.isRetained, !isNews(reading, for: series[index]) { return nil }
            if !reading.isRetained, !series[index].latest.isRetained, !series[index].isRestored {
                intervals.record(
                    reading.receivedAt.nanosecondsSinceEpoch
                        - series[index].latest.receivedAt.nanosecondsSinceEpoch)
            }
            byteCount -= series[index].byteCount
            series[index].latest = reading
            series[index].isRestored = false
            byteCount += series[index].byteCount
            latestIndex = index
            markSeen(at: reading.receivedAt)
            return index
        }
        removeRestored(metricsOf: reading)
        append(reading, isRestored: false, maxBytes: maxBytes, nextKey: &nextKey)
        latestIndex = series.count - 1
        markSeen(at: reading.receivedAt)
        return latestIndex
    }

    private mutating func append(_ reading: Reading, isRestored: Bool, maxBytes: Int, nextKey: inout UInt64) {
        nextKey += 1
        var new = DeviceSeries(key: ConflationKey(rawValue: nextKey), first: reading)
        new.isRestored = isRestored
        while series.count >= Self.maxSeries || byteCount + new.byteCount > maxBytes, forgetOldestSeries() {}
        series.append(new)
        byteCount += new.byteCount
    }

    // MARK: Restored series

    /// Takes the stored values of a device of which nothing was received yet, and starts its silence timer.
    mutating func restore(
        _ stored: StoredDeviceState, at now: Timestamp, maxBytes: Int, order: inout EvictionOrder,
        nextKey: inout UInt64, watch: inout SilenceWatch
    ) {
        for values in stored.values {
            let reading = Reading(
                device: device, room: room, metrics: values.metrics, time: values.time,
                receivedAt: min(values.time, stored.device.lastSeen))
            append(reading, isRestored: true, maxBytes: maxBytes, nextKey: &nextKey)
            // The stored time of the last message is updated only now and then.
            markSeen(at: min(values.time, now))
        }
        for (earlier, later) in zip(stored.times, stored.times.dropFirst()) {
            intervals.record(later.nanosecondsSinceEpoch - earlier.nanosecondsSinceEpoch)
        }
        order.touch(slot, byteCount: byteCount)
        restartSilenceTimer(from: now, watch: &watch)
    }

    /// Returns true when a retained reading replaces the latest one of its series: only a restored one with other
    /// values, unless the retained one is older. With equal values the restored one stays, because its age is known.
    private func isNews(_ retained: Reading, for series: DeviceSeries) -> Bool {
        guard series.isRestored, !(retained.hasDeviceTime && retained.time < series.latest.time) else { return false }
        return !zip(retained.metrics, series.latest.metrics).allSatisfy { $0.value == $1.value && $0.unit == $1.unit }
    }

    /// Removes the metrics of a reading from restored series. They may have been stored with other metrics than those
    /// that the device now sends together.
    private mutating func removeRestored(metricsOf reading: Reading) {
        guard series.contains(where: \.isRestored) else { return }
        let names = Set(reading.metrics.lazy.map(\.name))
        for index in series.indices.reversed() where series[index].isRestored {
            let rest = series[index].latest.metrics.filter { !names.contains($0.name) }
            guard rest.count < series[index].latest.metrics.count else { continue }
            byteCount -= series[index].byteCount
            guard !rest.isEmpty else {
                series.remove(at: index)
                continue
            }
            var latest = series[index].latest
            latest.metrics = rest
            var reduced = DeviceSeries(key: series[index].key, first: latest)
            reduced.isRestored = true
            series[index] = reduced
            byteCount += reduced.byteCount
        }
    }

    // MARK: Series

    /// Returns the index of the series with the reading's metrics. With more than four series, compares digests before
    /// names.
    private func index(fitting reading: Reading) -> Int? {
        if series.indices.contains(latestIndex), series[latestIndex].fits(reading) { return latestIndex }
        guard series.count > 4 else { return series.firstIndex { $0.fits(reading) } }
        let digest = DeviceSeries.digest(of: reading)
        return series.firstIndex { $0.digest == digest && $0.fits(reading) }
    }

    /// Evicts the series that was silent longest. Returns false when there is none.
    @discardableResult
    mutating func forgetOldestSeries() -> Bool {
        guard let oldest = series.indices.min(by: { series[$0].latest.receivedAt < series[$1].latest.receivedAt })
        else { return false }
        byteCount -= series.remove(at: oldest).byteCount
        return true
    }

    /// Evicts the oldest series unless it is the only one. Returns the device's remaining memory use, or `nil` when
    /// nothing was evicted.
    mutating func forgetSeriesButLast() -> Int? {
        guard series.count > 1 else { return nil }
        forgetOldestSeries()
        return byteCount
    }

    /// Records that a message of the device was received.
    mutating func markSeen(at instant: Timestamp) {
        lastSeen = max(lastSeen, instant)
    }

    /// Returns the `data_update` payload of a series' latest reading.
    func livePayload(of index: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prefix.count + 48 * (series[index].latest.metrics.count + 1))
        bytes += prefix
        series[index].appendData(to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Returns the `data_update` payload for a client that has just joined: marked as a snapshot, with the reading's
    /// age and the device's usual interval when those are known.
    func snapshotPayload(of index: Int, at now: Timestamp) -> [UInt8] {
        var bytes = livePayload(of: index)
        bytes.removeLast()
        JSONWriter.append(raw: ",\"snapshot\":true", to: &bytes)
        if let age = Self.ageMilliseconds(of: series[index].latest, at: now) {
            JSONWriter.append(raw: ",\"age_ms\":", to: &bytes)
            JSONWriter.append(age, to: &bytes)
        }
        if let interval = intervals.usual {
            JSONWriter.append(raw: ",\"interval_ms\":", to: &bytes)
            JSONWriter.append(interval / 1_000_000, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    /// Returns the age of a reading; `nil` for a retained reading without a device time, whose age is unknown.
    static func ageMilliseconds(of reading: Reading, at now: Timestamp) -> Int64? {
        if reading.isRetained, !reading.hasDeviceTime { return nil }
        return max(0, (now.nanosecondsSinceEpoch - reading.time.nanosecondsSinceEpoch) / 1_000_000)
    }
}

/// The messages that a reading causes in its room.
struct DeviceUpdate {
    /// One message: its payload and its conflation key.
    struct Part {
        let payload: [UInt8]
        let key: ConflationKey
    }

    /// The `device_status` message, to be sent before ``reading``; `nil` unless the device was offline.
    let status: Part?
    /// The `data_update` message.
    let reading: Part
}

/// A device as `GET /api/devices` shows it: the newest value of every metric across its series, and its availability.
package struct DeviceSummary: Sendable {
    package let device: DeviceID
    package let room: String
    /// The receive time of the latest message.
    package let lastSeen: Timestamp
    /// The time of the newest values; equal to ``lastSeen`` for a device without readings.
    package let time: Timestamp
    /// Milliseconds since ``time``. `nil` without readings, and when the newest reading was retained and has no device
    /// time.
    package let ageMilliseconds: Int64?
    /// Sorted by name. When several series contain a metric, the newest value counts. Empty for a device without
    /// readings.
    package let values: [Value]
    /// True when all readings are retained ones.
    package let isRetained: Bool
    /// The device's availability; `nil` while it is unknown.
    package let availability: DeviceAvailability?
    /// The usual interval between two readings of the same metrics; `nil` while it is unknown.
    package let interval: Duration?

    /// The newest value of a metric.
    package struct Value: Sendable {
        package let metric: Metric
        package let time: Timestamp
        /// Milliseconds since ``time``; `nil` for a retained value without a device time.
        package let ageMilliseconds: Int64?
    }

    init(_ state: DeviceState, at now: Timestamp) {
        let series = state.series.sorted { $0.latest.time < $1.latest.time }
        let newest = series.last?.latest
        var values: [String: Value] = [:]
        for reading in series.map(\.latest) {
            let age = DeviceState.ageMilliseconds(of: reading, at: now)
            for metric in reading.metrics {
                values[metric.name] = Value(metric: metric, time: reading.time, ageMilliseconds: age)
            }
        }
        self.device = state.device
        self.room = state.room
        self.lastSeen = state.lastSeen
        self.time = newest?.time ?? state.lastSeen
        self.ageMilliseconds = newest.flatMap { DeviceState.ageMilliseconds(of: $0, at: now) }
        self.values = values.values.sorted { $0.metric.name < $1.metric.name }
        self.isRetained = !series.isEmpty && series.allSatisfy(\.latest.isRetained)
        self.availability = state.availability
        self.interval = state.intervals.usual.map { .nanoseconds($0) }
    }
}
