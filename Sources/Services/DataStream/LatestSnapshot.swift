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
    /// Devices whose rooms are compared with the filter for one page.
    static let maxPlacesPerPage = 1024
    /// Devices without news for the client that are passed over for one page.
    static let maxDevicesPerPage = 512

    private let filter: TopicFilter
    private let protectedFirstLevels: [String]
    /// The filter up to its first wildcard.
    private let prefix: String
    /// Devices that were compared since the last page was handed out.
    private var searchedCount = 0
    /// The readings after this one come live.
    private var version: UInt64 = 0
    /// The last known device that was compared with the filter.
    private var lastSeen: DevicePlace?
    /// Known devices are still to be compared.
    private var isSearching = true
    /// Devices that match and are still to be read.
    private var devices: ArraySlice<DevicePlace> = []
    /// The last series that was told of the first of `devices`.
    private var lastKey: UInt64?

    init(of filter: TopicFilter, protecting firstLevels: [String]) {
        self.filter = filter
        self.protectedFirstLevels = firstLevels
        let levels = filter.levels.prefix { $0 != "+" && $0 != "#" }
        let isBeforeLevel = !levels.isEmpty && filter.levels.dropFirst(levels.count).first == "+"
        prefix = levels.joined(separator: "/") + (isBeforeLevel ? "/" : "")
        if !prefix.isEmpty { lastSeen = DevicePlace(room: prefix, device: "") }
    }

    var isFinished: Bool { !isSearching && devices.isEmpty }

    /// Finds the devices of the next page among all that are known, sorted. Needs no lock that ingest takes.
    ///
    /// Once the snapshot has begun the list need not be up to date: later devices arrive as live messages.
    mutating func findDevices(among places: [DevicePlace]) {
        guard isSearching else { return }
        var left = Self.maxPlacesPerPage
        var room: (name: String, isMatch: Bool)?
        for place in places[DeviceIndex.index(after: lastSeen, in: places)...] {
            guard left > 0, devices.count < Self.maxPartsPerPage else { return }
            // Rooms that match begin like the filter, and stand together.
            guard place.room.utf8.starts(with: prefix.utf8) else { break }
            left -= 1
            searchedCount += 1
            if room?.name != place.room { room = (place.room, matches(place)) }
            if room?.isMatch == true { devices.append(place) }
            lastSeen = place
        }
        isSearching = false
    }

    /// Makes it a snapshot of this instant, the one of `version`.
    ///
    /// - Parameters:
    ///   - places: Devices that came since the list was made in which it finds its own.
    ///   - isWhole: Whether these are all that there are to find.
    mutating func begin(at version: UInt64, adding places: some Sequence<DevicePlace>, isWhole: Bool) {
        self.version = version
        if isWhole {
            isSearching = false
            devices = []
        }
        devices += places.filter(matches)
    }

    private func matches(_ place: DevicePlace) -> Bool {
        filter.matches(place.room, protecting: protectedFirstLevels)
    }

    /// The number of devices looked at for the next page, which the joining user pays for.
    mutating func takeSearchedCount() -> Int {
        defer { searchedCount = 0 }
        return searchedCount
    }

    /// The next page; it is empty where only devices with newer readings were passed.
    mutating func next(from latest: LatestReadings, at now: Timestamp) -> [Part] {
        var parts: [Part] = []
        var bytes = 0
        var passed = 0
        while parts.count < Self.maxPartsPerPage, bytes < Self.maxBytesPerPage, passed < Self.maxDevicesPerPage,
            let device = devices.first
        {
            guard let state = latest.state(at: device), let part = nextPart(of: state, in: device.room, at: now) else {
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
    private mutating func nextPart(of state: DeviceState, in room: String, at now: Timestamp) -> Part? {
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
