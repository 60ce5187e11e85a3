import Realtime
import Telemetry

/// The latest readings of every device, bounded: when full, the devices that were silent longest are forgotten.
struct LatestReadings {
    /// Devices by room; most rooms have one.
    private var rooms: [String: [DeviceID: DeviceState]] = [:]
    private(set) var count = 0
    /// Devices that were forgotten because the map was full.
    private(set) var evictedCount = 0
    private let capacity: Int
    private var nextKey: UInt64 = 0

    /// Room for `capacity` devices.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// Takes a reading and returns its live payload and series key, or `nil` when it changes nothing.
    mutating func update(with reading: Reading) -> (payload: [UInt8], key: ConflationKey)? {
        if rooms[reading.room]?[reading.device] == nil {
            if count >= capacity { evictSilent() }
            let state = DeviceState(device: reading.device, room: reading.room, seen: reading.receivedAt)
            rooms[reading.room, default: [:]][reading.device] = state
            count += 1
        }
        // Through the optional chains the state is changed in place instead of copied.
        guard let index = rooms[reading.room]?[reading.device]?.update(with: reading, nextKey: &nextKey),
            let state = rooms[reading.room]?[reading.device]
        else { return nil }
        return (state.livePayload(of: index), state.series[index].key)
    }

    /// The devices in rooms that a filter matches, in no order.
    func devices(in filter: TopicFilter, protecting firstLevels: [String]) -> [DeviceState] {
        if filter.isName { return rooms[filter.rawValue].map { Array($0.values) } ?? [] }
        return rooms.filter { filter.matches($0.key, protecting: firstLevels) }.flatMap(\.value.values)
    }

    /// All devices in rooms that pass `isIncluded`, in no order.
    func devices(where isIncluded: (_ room: String) -> Bool) -> [DeviceState] {
        rooms.filter { isIncluded($0.key) }.flatMap(\.value.values)
    }

    /// Forgets a sixteenth at once, so that a flood of new names costs little per name.
    private mutating func evictSilent() {
        let all = rooms.values.flatMap(\.values).sorted { $0.lastSeen < $1.lastSeen }
        for state in all.prefix(max(1, all.count / 16)) {
            rooms[state.room]?[state.device] = nil
            if rooms[state.room]?.isEmpty == true { rooms[state.room] = nil }
            count -= 1
            evictedCount += 1
        }
    }
}
