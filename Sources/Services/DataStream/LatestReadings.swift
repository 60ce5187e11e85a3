import Realtime
import Telemetry

/// The latest readings and the presence of every device, bounded in number and in bytes.
///
/// One device too many, and the one that was silent longest is forgotten. A device that holds more than its share loses
/// its own oldest series. Too many bytes in all, and the devices that hold most lose their oldest series, and are
/// forgotten with their last one: so whoever holds little, less than half of an even share of the budget, is never
/// forgotten because others hold much.
struct LatestReadings {
    /// Devices by room; most rooms have one.
    private var rooms: [String: [DeviceID: DeviceState]] = [:]
    private(set) var count = 0
    /// Devices that were forgotten because the map was full.
    private(set) var evictedCount = 0
    /// Series that were forgotten because there were too many bytes.
    private(set) var evictedSeriesCount = 0
    private let capacity: Int
    /// Counts the readings that changed something, so that a snapshot leaves out what came after it began.
    private(set) var version: UInt64 = 0
    private let maxBytes: Int
    private var order = EvictionOrder()
    private var nextKey: UInt64 = 0
    private var watch: SilenceWatch
    /// Devices that came and went since ``takeChanges()``.
    private var changes: [DeviceIndex.Change] = []
    /// Changes that are kept; when there are more, all devices are looked through once.
    private static let maxChanges = 65_536
    private var hasLostChanges = false

    /// The part of the budget that one device may hold: 256 KiB of 128 MiB, two of the largest readings that a payload
    /// can make.
    private static let deviceShare = 512
    /// The least that a device may hold, however small the budget is.
    private static let minDeviceBytes = 64 << 10

    /// Room for `capacity` devices and about `maxBytes` of what they say; each may be silent for `offlineAfter`, or for
    /// ever when that is `nil`.
    init(capacity: Int, maxBytes: Int = .max, offlineAfter: Duration? = nil) {
        self.capacity = max(1, capacity)
        self.maxBytes = maxBytes
        watch = SilenceWatch(base: offlineAfter)
    }

    /// Approximate bytes of all readings.
    var byteCount: Int { order.byteCount }

    /// Takes a reading; returns what it changes, or `nil` for nothing.
    mutating func update(with reading: Reading) -> DeviceUpdate? {
        admit(reading.device, in: reading.room, at: reading.receivedAt)
        // Through the optional chains the state is changed in place instead of copied.
        version += 1
        let update = rooms[reading.room]?[reading.device]?.update(
            with: reading, version: version, maxBytes: max(Self.minDeviceBytes, maxBytes / Self.deviceShare),
            order: &order,
            nextKey: &nextKey, watch: &watch)
        if order.byteCount > maxBytes { shrink() }
        return update
    }

    /// Takes a status; returns the rooms that it is news for, each with the `device_status` for it.
    ///
    /// It counts in those of its rooms that the device is known in; in the first when it is known in none.
    mutating func update(with report: StatusReport) -> [(room: String, status: DeviceUpdate.Part)] {
        var known = report.rooms.filter { rooms[$0]?[report.device] != nil }
        if known.isEmpty, let first = report.rooms.first {
            admit(report.device, in: first, at: report.receivedAt)
            known = [first]
        }
        return known.compactMap { room in
            let isNews = rooms[room]?[report.device]?.take(report, order: &order, watch: &watch) ?? false
            guard isNews, let status = rooms[room]?[report.device]?.statusPart else { return nil }
            return (room, status)
        }
    }

    /// Finds the devices that were silent for too long; returns the `device_status` of each, with its room.
    ///
    /// - Parameter isListening: whether the gateway hears devices at all: else their silence says nothing.
    mutating func sweep(at now: Timestamp, isListening: Bool) -> [(room: String, status: DeviceUpdate.Part)] {
        watch.overdue(at: now, isListening: isListening).compactMap { owner in
            rooms[owner.room]?[owner.device]?.fallSilent(at: now)
            return rooms[owner.room]?[owner.device]?.statusPart.map { (owner.room, $0) }
        }
    }

    /// The number of devices in a room.
    func deviceCount(in room: String) -> Int { rooms[room]?.count ?? 0 }

    /// The devices in a room, in no order.
    func places(in room: String) -> [DevicePlace] {
        rooms[room]?.keys.map { DevicePlace(room: room, device: $0.rawValue) } ?? []
    }

    /// The state of the device at a place, if it is known.
    func state(at place: DevicePlace) -> DeviceState? {
        DeviceID(place.device).flatMap { rooms[place.room]?[$0] }
    }

    /// The devices of those places that are still known.
    func devices(at places: some Sequence<DevicePlace>) -> [DeviceState] { places.compactMap(state) }

    /// Takes out which devices came and went, for a ``DeviceIndex``.
    ///
    /// - Returns: Whether the changes are of an index that knows nothing.
    mutating func takeChanges() -> (changes: [DeviceIndex.Change], isWhole: Bool) {
        defer {
            changes = []
            hasLostChanges = false
        }
        guard hasLostChanges else { return (changes, false) }
        let all = rooms.flatMap { room, devices in
            devices.keys.map {
                DeviceIndex.Change(place: DevicePlace(room: room, device: $0.rawValue), isKnown: true)
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
            let place = DevicePlace(room: room, device: device.rawValue)
            changes.append(DeviceIndex.Change(place: place, isKnown: isKnown))
        }
    }

    /// Makes a place for a device that is not known yet.
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

    /// Takes from those who hold most until what is kept is within the budget. What this costs was paid for by what came:
    /// each step frees at least a series.
    private mutating func shrink(keeping kept: Int? = nil) {
        while order.byteCount > maxBytes, let slot = order.largest, slot != kept, let owner = watch.owner(of: slot) {
            let byteCount = rooms[owner.room]?[owner.device]?.forgetSeriesButLast()
            if let byteCount {
                evictedSeriesCount += 1
                order.resized(slot, byteCount: byteCount)
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
