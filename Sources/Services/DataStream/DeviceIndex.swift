import Core

/// The names of a device and its room. Places are sorted by the UTF-8 bytes of both names, as in the database.
package struct DevicePlace: Hashable, Sendable {
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

    /// The place as a pagination cursor. Device names contain no slash, so the last slash separates the two names.
    package var cursor: String { "\(room)/\(device)" }

    package static func precedes(_ first: DevicePlace, _ second: DevicePlace) -> Bool {
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
        var place: DevicePlace
        var isKnown: Bool
    }

    private(set) var places: [DevicePlace] = []

    /// Applies changes in order, in one pass over the known devices.
    ///
    /// - Parameter isWhole: True when the changes list every known device and replace the index.
    mutating func apply(_ changes: [Change], isWhole: Bool = false) {
        if isWhole { places = [] }
        guard !changes.isEmpty else { return }
        var latest: [DevicePlace: Bool] = [:]
        for change in changes { latest[change.place] = change.isKnown }
        let added = latest.filter(\.value).keys.sorted(by: DevicePlace.precedes)
        var merged: [DevicePlace] = []
        merged.reserveCapacity(places.count + added.count)
        var next = added[...]
        // A known device that the log adds again is taken from `added`.
        for place in places where latest[place] == nil {
            while let first = next.first, DevicePlace.precedes(first, place) {
                merged.append(first)
                next.removeFirst()
            }
            merged.append(place)
        }
        places = merged + next
    }

    /// Returns the index of the first place after `last`.
    static func index(after last: DevicePlace?, in places: [DevicePlace]) -> Int {
        guard let last else { return 0 }
        var range = places.indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range =
                DevicePlace.precedes(last, places[middle])
                ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}
