import Core
import Realtime
import Storage
import Telemetry

/// The latest readings and availability of every device, bounded by the number of devices and by memory use.
///
/// - When there are too many devices, the one that was silent longest is evicted.
/// - A device that exceeds its memory limit (1/512 of the budget, but at least 64 KiB) loses its oldest series.
/// - When the total exceeds the budget, the largest devices lose their oldest series, and are evicted with their last
///   one. A device that uses less than half of the budget divided by the number of devices is never evicted because of
///   larger ones.
struct LatestReadings {
    /// The most changes to log. When there are more, the log is replaced by one scan of all devices.
    private static let maxChanges = 65_536
    /// The fraction of the budget that one device may use: 1/512. That is 256 KiB of the default 128 MiB, enough for
    /// two of the largest readings that fit into a payload.
    private static let deviceShare = 512
    /// The bytes that one device may always use, however small the budget is.
    private static let minDeviceBytes = 64 << 10

    /// Devices by room. Most rooms have one device.
    private var rooms: [String: [DeviceID: DeviceState]] = [:]
    private(set) var count = 0
    /// The number of devices evicted because there were too many or the memory budget was exceeded.
    private(set) var evictedCount = 0
    /// The number of series evicted because the memory budget was exceeded.
    private(set) var evictedSeriesCount = 0
    private let capacity: Int
    /// The number of readings received so far. A snapshot uses it to skip readings newer than itself.
    private(set) var version: UInt64 = 0
    private let maxBytes: Int
    private let maxDeviceBytes: Int
    private var order = EvictionOrder()
    private var nextKey: UInt64 = 0
    private var watch: SilenceWatch
    /// Devices added and removed since the last ``takeChanges()``.
    private var changes: [DeviceIndex.Change] = []
    private var hasLostChanges = false

    /// Creates a map for `capacity` devices and about `maxBytes` of readings. A device counts as offline after
    /// `offlineAfter` without a message, or never when that is `nil`.
    init(capacity: Int, maxBytes: Int = .max, offlineAfter: Duration? = nil) {
        self.capacity = max(1, capacity)
        self.maxBytes = maxBytes
        maxDeviceBytes = max(Self.minDeviceBytes, maxBytes / Self.deviceShare)
        watch = SilenceWatch(base: offlineAfter)
    }

    /// Approximate memory use of all readings in bytes.
    var byteCount: Int { order.byteCount }

    /// Applies a reading. Returns the resulting messages, or `nil` when nothing changed.
    mutating func update(with reading: Reading) -> DeviceUpdate? {
        admit(reading.device, in: reading.room, at: reading.receivedAt)
        // Optional chaining changes the state in place instead of copying it.
        version += 1
        let update = rooms[reading.room]?[reading.device]?.update(
            with: reading, version: version, maxBytes: maxDeviceBytes, order: &order, nextKey: &nextKey, watch: &watch)
        if order.byteCount > maxBytes { shrink() }
        return update
    }

    /// Takes the stored values of devices that are not known yet, in the order in which they were seen.
    mutating func restore(_ states: [StoredDeviceState], at now: Timestamp) {
        for state in states {
            let room = state.device.room
            guard let device = DeviceID(state.device.name), rooms[room]?[device] == nil else { continue }
            admit(device, in: room, at: state.device.lastSeen)
            rooms[room]?[device]?.restore(
                state, at: now, maxBytes: maxDeviceBytes, order: &order, nextKey: &nextKey, watch: &watch)
            if order.byteCount > maxBytes { shrink() }
        }
    }

    /// Applies a status report. Returns the `device_status` for each room where it changes the device's status.
    ///
    /// The report applies to those of its rooms in which the device is known, or to the first when it is known in none.
    mutating func update(with report: StatusReport) -> [(room: String, status: DeviceUpdate.Part)] {
        var known = report.rooms.filter { rooms[$0]?[report.device] != nil }
        if known.isEmpty, let first = report.rooms.first {
            admit(report.device, in: first, at: report.receivedAt)
            known = [first]
        }
        return known.compactMap { room in
            let isNews = rooms[room]?[report.device]?.apply(report, order: &order, watch: &watch) ?? false
            guard isNews, let status = rooms[room]?[report.device]?.statusPart else { return nil }
            return (room, status)
        }
    }

    /// Marks devices that were silent for too long as offline. Returns the `device_status` and room of each.
    ///
    /// - Parameter isListening: False while no messages from devices can arrive; no device times out then.
    mutating func sweep(at now: Timestamp, isListening: Bool) -> [(room: String, status: DeviceUpdate.Part)] {
        watch.overdue(at: now, isListening: isListening).compactMap { owner in
            rooms[owner.room]?[owner.device]?.markSilent(at: now, watch: watch)
            return rooms[owner.room]?[owner.device]?.statusPart.map { (owner.room, $0) }
        }
    }

    /// Returns the number of devices in a room.
    func deviceCount(in room: String) -> Int { rooms[room]?.count ?? 0 }

    /// Returns the devices in a room, unordered.
    func keys(in room: String) -> [DeviceKey] {
        rooms[room]?.keys.map { DeviceKey(room: room, device: $0.rawValue) } ?? []
    }

    /// Returns the state of a device; `nil` when it is not known.
    func state(of key: DeviceKey) -> DeviceState? {
        DeviceID(key.device).flatMap { rooms[key.room]?[$0] }
    }

    /// Returns the states of those devices that are known.
    func devices(of keys: some Sequence<DeviceKey>) -> [DeviceState] { keys.compactMap(state) }

    /// Takes the log of added and removed devices, for a ``DeviceIndex``.
    ///
    /// - Returns: The changes. `isWhole` is true when they list every known device, because the log has overflowed.
    mutating func takeChanges() -> (changes: [DeviceIndex.Change], isWhole: Bool) {
        defer {
            changes = []
            hasLostChanges = false
        }
        guard hasLostChanges else { return (changes, false) }
        let all = rooms.flatMap { room, devices in
            devices.keys.map {
                DeviceIndex.Change(key: DeviceKey(room: room, device: $0.rawValue), isKnown: true)
            }
        }
        return (all, true)
    }

    private mutating func note(_ device: DeviceID, in room: String, isKnown: Bool) {
        guard !hasLostChanges else { return }
        if changes.count >= Self.maxChanges {
            changes = []
            hasLostChanges = true
        } else {
            let key = DeviceKey(room: room, device: device.rawValue)
            changes.append(DeviceIndex.Change(key: key, isKnown: isKnown))
        }
    }

    /// Adds a device unless it is known, and evicts others to make space for it.
    private mutating func admit(_ device: DeviceID, in room: String, at instant: Timestamp) {
        guard rooms[room]?[device] == nil else { return }
        if count >= capacity, let slot = order.longestSilent { forget(slot) }
        nextKey += 1
        let state = DeviceState(
            device: device, room: room, seen: instant, statusKey: ConflationKey(rawValue: nextKey),
            slot: watch.add(SilenceWatch.Owner(room: room, device: device)))
        order.add(state.slot, byteCount: state.byteCount)
        rooms[room, default: [:]][device] = state
        count += 1
        note(device, in: room, isKnown: true)
        if order.byteCount > maxBytes { shrink(keeping: state.slot) }
    }

    /// Evicts series and devices, largest first, until the total fits the budget. The cost is amortized: each step
    /// frees at least one series that an earlier reading added.
    private mutating func shrink(keeping kept: Int? = nil) {
        while order.byteCount > maxBytes, let slot = order.largest, slot != kept, let owner = watch.owner(of: slot) {
            let byteCount = rooms[owner.room]?[owner.device]?.forgetSeriesButLast()
            if let byteCount {
                evictedSeriesCount += 1
                order.resize(slot, byteCount: byteCount)
            } else {
                forget(slot)
            }
        }
    }

    private mutating func forget(_ slot: Int) {
        order.remove(slot)
        if let owner = watch.owner(of: slot) {
            rooms[owner.room]?[owner.device] = nil
            note(owner.device, in: owner.room, isKnown: false)
            if rooms[owner.room]?.isEmpty == true { rooms[owner.room] = nil }
        }
        watch.remove(slot)
        count -= 1
        evictedCount += 1
    }
}
