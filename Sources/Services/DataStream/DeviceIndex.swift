import Telemetry

/// A device in a room, in the order of the names' UTF-8 bytes, which is that of the database.
package struct DevicePlace: Hashable, Sendable {
    package let room: String
    package let device: String

    package init(room: String, device: String) {
        self.room = room
        self.device = device
    }

    /// Reads ``cursor`` back.
    package init?(cursor: String) {
        guard let slash = cursor.lastIndex(of: "/") else { return nil }
        self.init(room: String(cursor[..<slash]), device: String(cursor[cursor.index(after: slash)...]))
    }

    /// As one text: a device's name has no slash.
    package var cursor: String { "\(room)/\(device)" }

    package static func precedes(_ first: DevicePlace, _ second: DevicePlace) -> Bool {
        first.room == second.room
            ? first.device.utf8.lexicographicallyPrecedes(second.device.utf8)
            : first.room.utf8.lexicographicallyPrecedes(second.room.utf8)
    }
}

/// Which devices there are, sorted: brought up to date from a log of those that came and went, so that questions about
/// all devices never look through the map that ingest writes.
struct DeviceIndex {
    /// A device that came or went.
    struct Change {
        var place: DevicePlace
        var isKnown: Bool
    }

    private(set) var places: [DevicePlace] = []

    /// Takes changes in, in their order: one pass over what is known.
    ///
    /// - Parameter isWhole: Whether the changes are of an index that knows nothing.
    mutating func apply(_ changes: [Change], isWhole: Bool = false) {
        if isWhole { places = [] }
        guard !changes.isEmpty else { return }
        var latest: [DevicePlace: Bool] = [:]
        for change in changes { latest[change.place] = change.isKnown }
        let added = latest.filter(\.value).keys.sorted(by: DevicePlace.precedes)
        var merged: [DevicePlace] = []
        merged.reserveCapacity(places.count + added.count)
        var next = added[...]
        // Known devices that the log adds again are among those added.
        for place in places where latest[place] == nil {
            while let first = next.first, DevicePlace.precedes(first, place) {
                merged.append(first)
                next.removeFirst()
            }
            merged.append(place)
        }
        places = merged + next
    }

    /// The index of the first place after `last`.
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
