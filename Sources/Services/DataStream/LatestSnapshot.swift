import Realtime
import Telemetry

/// A joining client's way through the latest readings of the rooms that its filter matches, page by page.
///
/// It remembers names and a version instead of readings: a client that takes long keeps nothing alive, and what changed
/// after it began is left out, because the client gets that live.
struct LatestSnapshot: Sendable {
    /// One message of a page.
    struct Part {
        var room: String
        var type: MessageType
        var part: DeviceUpdate.Part
    }

    /// Messages and bytes of payloads after which a page ends: it is made under the lock that ingest takes.
    static let maxPartsPerPage = 64
    static let maxBytesPerPage = 64 << 10
    /// Names that are compared with the filter for one page.
    static let maxNamesPerPage = 1024
    /// Devices without news for the client that are passed over for one page.
    private static let maxDevicesPerPage = 512

    private let filter: TopicFilter
    private let protectedFirstLevels: [String]
    /// The readings after this one come live.
    private var version: UInt64
    /// The rooms that there were when ``names`` was made.
    private let roomsVersion: UInt64
    private var names: ArraySlice<String>
    /// Rooms that match and are still to be read, the next one last.
    private var rooms: [String] = []
    /// The devices that are left of the room that is read.
    private var devices: ArraySlice<DeviceID> = []
    private var room = ""
    /// The last series that was told of the first of `devices`.
    private var lastKey: UInt64?

    /// A snapshot of what is known now in the rooms that the filter matches.
    init(of filter: TopicFilter, protecting firstLevels: [String], from latest: inout LatestReadings) {
        self.filter = filter
        self.protectedFirstLevels = firstLevels
        self.version = latest.version
        self.roomsVersion = latest.roomsVersion
        self.names = filter.isName ? [filter.rawValue] : latest.roomNames()[...]
    }

    /// Makes it a snapshot of this instant; false when rooms came or went since it was made, so that it must be made
    /// anew.
    mutating func begin(with latest: LatestReadings) -> Bool {
        version = latest.version
        return roomsVersion == latest.roomsVersion
    }

    var isFinished: Bool { names.isEmpty && rooms.isEmpty && devices.isEmpty }

    /// Finds the rooms of the next page. Needs no lock.
    mutating func findRooms() {
        var left = Self.maxNamesPerPage
        while rooms.count < Self.maxPartsPerPage, left > 0, let name = names.popFirst() {
            left -= 1
            if filter.matches(name, protecting: protectedFirstLevels) { rooms.append(name) }
        }
    }

    /// The next page; it is empty where only devices with newer readings were passed.
    mutating func next(from latest: LatestReadings, at now: Timestamp) -> [Part] {
        var parts: [Part] = []
        var bytes = 0
        var passed = 0
        while parts.count < Self.maxPartsPerPage, bytes < Self.maxBytesPerPage, passed < Self.maxDevicesPerPage {
            if devices.isEmpty {
                guard let next = rooms.popLast() else { break }
                room = next
                devices = latest.devices(in: room)[...]
                continue
            }
            guard let device = devices.first, let state = latest.state(of: device, in: room),
                let part = nextPart(of: state, at: now)
            else {
                devices.removeFirst()
                lastKey = nil
                passed += 1
                continue
            }
            parts.append(part)
            bytes += part.part.payload.count
        }
        return parts
    }

    /// Returns the device's status where its readings do not imply it, then each of its series.
    private mutating func nextPart(of state: DeviceState, at now: Timestamp) -> Part? {
        if lastKey == nil {
            lastKey = 0
            if state.presence?.isImplied == false, let payload = state.statusPayload(isSnapshot: true) {
                return Part(
                    room: room, type: .deviceStatus, part: DeviceUpdate.Part(payload: payload, key: state.statusKey))
            }
        }
        // Series stand in the order of their keys.
        let next = state.series.firstIndex { $0.key.rawValue > lastKey ?? 0 && $0.version <= version }
        guard let next else { return nil }
        let key = state.series[next].key
        lastKey = key.rawValue
        return Part(
            room: room, type: .dataUpdate,
            part: DeviceUpdate.Part(payload: state.snapshotPayload(of: next, at: now), key: key))
    }
}
