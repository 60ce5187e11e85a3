import Core
import Realtime
import Telemetry

/// A cursor over the latest readings in the rooms that a joining client's filter matches, read page by page.
///
/// It holds names and a version instead of readings. A slow client therefore keeps no readings in memory. Series that
/// change after the snapshot began are skipped: the client gets them live.
struct LatestSnapshot: Sendable {
    /// One message of a page.
    struct Part {
        var room: String
        var type: MessageType
        var part: DeviceUpdate.Part
    }

    /// The most messages in a page, and the payload bytes after which it ends. Pages are small because they are made
    /// under the lock that ingest takes.
    static let maxPartsPerPage = 64
    static let maxBytesPerPage = 64 << 10
    /// The most devices to compare with the filter for one page.
    static let maxKeysPerPage = 1024
    /// The most devices to finish per page, including those that have nothing to send.
    static let maxDevicesPerPage = 512

    private let filter: TopicFilter
    private let protectedFirstLevels: [String]
    /// The filter up to its first wildcard.
    private let prefix: String
    /// The number of devices compared with the filter for the next page.
    private var examinedCount = 0
    /// The value of ``LatestReadings/version`` when the snapshot began. Readings with a higher version reach the client
    /// live.
    private var version: UInt64 = 0
    /// The last known device that was compared with the filter.
    private var lastSeen: DeviceKey?
    /// True while there are devices left to compare.
    private var isSearching = true
    /// Matching devices that are still to be read.
    private var devices: ArraySlice<DeviceKey> = []
    /// The key of the last series sent for the first of `devices`: 0 if none was sent yet, `nil` if even its status was
    /// not.
    private var lastKey: UInt64?

    init(of filter: TopicFilter, protecting firstLevels: [String]) {
        self.filter = filter
        self.protectedFirstLevels = firstLevels
        let levels = filter.levels.prefix { $0 != "+" && $0 != "#" }
        let isBeforeLevel = !levels.isEmpty && filter.levels.dropFirst(levels.count).first == "+"
        prefix = levels.joined(separator: "/") + (isBeforeLevel ? "/" : "")
        if !prefix.isEmpty { lastSeen = DeviceKey(room: prefix, device: "") }
    }

    var isFinished: Bool { !isSearching && devices.isEmpty }

    /// Finds the devices of the next page in the sorted list of all known devices. Call it without the lock that ingest
    /// takes.
    ///
    /// After ``begin(at:adding:isWhole:)`` the list may be out of date: devices added later reach the client live.
    mutating func findDevices(among keys: [DeviceKey]) {
        guard isSearching else { return }
        var left = Self.maxKeysPerPage
        var room: (name: String, isMatch: Bool)?
        for key in keys[DeviceIndex.index(after: lastSeen, in: keys)...] {
            guard left > 0, devices.count < Self.maxPartsPerPage else { return }
            // Matching rooms share the filter's prefix and are adjacent.
            guard key.room.utf8.starts(with: prefix.utf8) else { break }
            left -= 1
            examinedCount += 1
            if room?.name != key.room { room = (key.room, matches(key)) }
            if room?.isMatch == true { devices.append(key) }
            lastSeen = key
        }
        isSearching = false
    }

    /// Fixes the snapshot at `version`.
    ///
    /// - Parameters:
    ///   - keys: Devices added since the list for ``findDevices(among:)`` was made.
    ///   - isWhole: True when `keys` lists every known device, so that no further search is needed.
    mutating func begin(at version: UInt64, adding keys: some Sequence<DeviceKey>, isWhole: Bool) {
        self.version = version
        if isWhole {
            isSearching = false
            devices = []
        }
        devices += keys.filter(matches)
    }

    private func matches(_ key: DeviceKey) -> Bool {
        filter.matches(key.room, protecting: protectedFirstLevels)
    }

    /// Returns and resets the number of devices compared for the next page. It adds to the cost of the page
    /// (``Replay/Page/cost``), which counts towards the joining user's quota.
    mutating func takeExaminedCount() -> Int {
        defer { examinedCount = 0 }
        return examinedCount
    }

    /// Returns the next page. It may be empty when only devices with newer readings were skipped.
    mutating func next(from latest: LatestReadings, at now: Timestamp) -> [Part] {
        var parts: [Part] = []
        var bytes = 0
        var passed = 0
        while parts.count < Self.maxPartsPerPage, bytes < Self.maxBytesPerPage, passed < Self.maxDevicesPerPage,
            let device = devices.first
        {
            guard let state = latest.state(of: device), let part = nextPart(of: state, in: device.room, at: now) else {
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

    /// Returns the device's next message: its status unless the readings imply it, then each of its series.
    private mutating func nextPart(of state: DeviceState, in room: String, at now: Timestamp) -> Part? {
        if lastKey == nil {
            lastKey = 0
            if state.availability?.isImplied == false, let payload = state.statusPayload(isSnapshot: true) {
                return Part(
                    room: room, type: .deviceStatus, part: DeviceUpdate.Part(payload: payload, key: state.statusKey))
            }
        }
        // Series are ordered by key.
        let next = state.series.firstIndex { $0.key.rawValue > lastKey ?? 0 && $0.version <= version }
        guard let next else { return nil }
        let key = state.series[next].key
        lastKey = key.rawValue
        return Part(
            room: room, type: .dataUpdate,
            part: DeviceUpdate.Part(payload: state.snapshotPayload(of: next, at: now), key: key))
    }
}
