import Realtime
import Telemetry

/// The latest readings and the presence of every device, bounded: when full, the devices that were silent longest are
/// forgotten.
struct LatestReadings {
    /// Devices by room; most rooms have one.
    private var rooms: [String: [DeviceID: DeviceState]] = [:]
    private(set) var count = 0
    /// Devices that were forgotten because the map was full.
    private(set) var evictedCount = 0
    private let capacity: Int
    /// Counts the readings that changed something, so that a snapshot leaves out what came after it began.
    private(set) var version: UInt64 = 0
    private var nextKey: UInt64 = 0
    /// Counts the rooms that came and went.
    private(set) var roomsVersion: UInt64 = 0
    /// The names of ``rooms``; nil after rooms came or went.
    private var knownRoomNames: [String]? {
        didSet { if knownRoomNames == nil { roomsVersion += 1 } }
    }
    private var watch: SilenceWatch
    /// Devices that came and went since ``takeChanges()``.
    private var changes: [DeviceIndex.Change] = []
    /// Changes that are kept; when there are more, all devices are looked through once.
    private static let maxChanges = 65_536
    private var hasLostChanges = false

    /// Room for `capacity` devices, of which each may be silent for `offlineAfter`, or for ever when that is `nil`.
    init(capacity: Int, offlineAfter: Duration? = nil) {
        self.capacity = max(1, capacity)
        watch = SilenceWatch(base: offlineAfter)
    }

    /// Takes a reading; returns what it changes, or `nil` for nothing.
    mutating func update(with reading: Reading) -> DeviceUpdate? {
        admit(reading.device, in: reading.room, at: reading.receivedAt)
        // Through the optional chains the state is changed in place instead of copied.
        version += 1
        return rooms[reading.room]?[reading.device]?.update(
            with: reading, version: version, nextKey: &nextKey, watch: &watch)
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
            let isNews = rooms[room]?[report.device]?.take(report, watch: &watch) ?? false
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

    /// The names of all rooms with devices, in no order. Shared by all who ask until a room comes or goes.
    mutating func roomNames() -> [String] {
        if let knownRoomNames { return knownRoomNames }
        let names = Array(rooms.keys)
        knownRoomNames = names
        return names
    }

    /// The devices in a room, in no order.
    func devices(in room: String) -> [DeviceID] { rooms[room].map { Array($0.keys) } ?? [] }

    /// What is known of a device in a room.
    func state(of device: DeviceID, in room: String) -> DeviceState? { rooms[room]?[device] }

    /// The devices of those places that are still known.
    func devices(at places: some Sequence<DevicePlace>) -> [DeviceState] {
        places.compactMap { place in DeviceID(place.device).flatMap { rooms[place.room]?[$0] } }
    }

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
        if count >= capacity { evictSilent() }
        nextKey += 1
        if rooms[room] == nil { knownRoomNames = nil }
        rooms[room, default: [:]][device] = DeviceState(
            device: device, room: room, seen: instant, statusKey: ConflationKey(rawValue: nextKey),
            slot: watch.add(SilenceWatch.Owner(room: room, device: device)))
        count += 1
        note(device, in: room, isKnown: true)
    }

    /// Forgets a sixteenth at once, so that a flood of new names costs little per name.
    private mutating func evictSilent() {
        let all = rooms.values.flatMap(\.values).sorted { $0.lastSeen < $1.lastSeen }
        for state in all.prefix(max(1, all.count / 16)) {
            rooms[state.room]?[state.device] = nil
            watch.remove(state.slot)
            note(state.device, in: state.room, isKnown: false)
            if rooms[state.room]?.isEmpty == true {
                rooms[state.room] = nil
                knownRoomNames = nil
            }
            count -= 1
            evictedCount += 1
        }
    }
}
