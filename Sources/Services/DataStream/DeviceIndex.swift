import Core

/// The names of a device and its room. Keys are sorted by the UTF-8 bytes of both names, as in the database.
package struct DeviceKey: Hashable, Sendable {
    package let room: String
    package let device: String

    package init(room: String, device: String) {
        self.room = room
        self.device = device
    }

    /// Parses a ``cursor``.
    package init?(cursor: String) {
        guard let slash = cursor.lastIndex(of: "/") else { return nil }
        self.init(room: String(cursor[..<slash]), device: String(cursor[cursor.index(after: slash)...]))
    }

    /// The key as a pagination cursor. Device names contain no slash, so the last slash separates the two names.
    package var cursor: String { "\(room)/\(device)" }

    package static func precedes(_ first: DeviceKey, _ second: DeviceKey) -> Bool {
        first.room == second.room
            ? first.device.utf8.lexicographicallyPrecedes(second.device.utf8)
            : first.room.utf8.lexicographicallyPrecedes(second.room.utf8)
    }
}

/// The sorted list of all known devices. It is updated from a log of added and removed devices, so that queries over
/// all devices never scan the map that ingest writes to.
struct DeviceIndex {
    /// The addition (`isKnown`) or removal of a device.
    struct Change {
        var key: DeviceKey
        var isKnown: Bool
    }

    private(set) var keys: [DeviceKey] = []

    /// Applies changes in order, in one pass over the known devices.
    ///
    /// - Parameter isWhole: True when the changes list every known device and replace the index.
    mutating func apply(_ changes: [Change], isWhole: Bool = false) {
        if isWhole { keys = [] }
        guard !changes.isEmpty else { return }
        var latest: [DeviceKey: Bool] = [:]
        for change in changes { latest[change.key] = change.isKnown }
        let added = latest.filter(\.value).keys.sorted(by: DeviceKey.precedes)
        var merged: [DeviceKey] = []
        merged.reserveCapacity(keys.count + added.count)
        var next = added[...]
        // A known device that the log adds again is taken from `added`.
        for key in keys where latest[key] == nil {
            while let first = next.first, DeviceKey.precedes(first, key) {
                merged.append(first)
                next.removeFirst()
            }
            merged.append(key)
        }
        keys = merged + next
    }

    /// Returns the index of the first key after `last`.
    static func index(after last: DeviceKey?, in keys: [DeviceKey]) -> Int {
        guard let last else { return 0 }
        var range = keys.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range =
                DeviceKey.precedes(last, keys[middle])
                ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}
