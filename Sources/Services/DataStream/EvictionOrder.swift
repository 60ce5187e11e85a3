/// Which device is forgotten next: the longest silent one, or the one that holds most.
///
/// A list of all devices from the longest silent to the latest heard, and one for each power of two of bytes, in the
/// order in which they were heard or shrank:
///
///     silence   c ─ e ─ a ─ b ─ f     longest silent: the first
///     2^12…     c ─ a ─ f
///     2^17…     e ─ b                 holds most: the first of the last list, whose devices are within twice of each other
///
/// Shrinking changes nobody's place in the first list: whoever holds much is no later forgotten for it. In the others it
/// goes to the end, so that devices of one size lose in turn. All of it takes the same few steps however many devices
/// there are. Devices are named by their slots, small numbers that are given again.
struct EvictionOrder {
    /// Linked lists of slots; each slot is in one of them at most.
    private struct Lists {
        private struct Links {
            var previous: Int?
            var next: Int?
        }

        private(set) var ends: [(first: Int?, last: Int?)]
        private var links: [Links] = []

        init(count: Int) {
            ends = Array(repeating: (nil, nil), count: count)
        }

        mutating func append(_ slot: Int, to list: Int) {
            while links.count <= slot { links.append(Links()) }
            let last = ends[list].last
            links[slot] = Links(previous: last)
            if let last { links[last].next = slot } else { ends[list].first = slot }
            ends[list].last = slot
        }

        mutating func remove(_ slot: Int, from list: Int) {
            let (previous, next) = (links[slot].previous, links[slot].next)
            if let previous { links[previous].next = next } else { ends[list].first = next }
            if let next { links[next].previous = previous } else { ends[list].last = previous }
        }
    }

    private var byteCounts: [Int] = []
    private var silence = Lists(count: 1)
    private var sizes = Lists(count: Int.bitWidth)
    /// Bytes of all devices.
    private(set) var byteCount = 0

    /// Takes a device that was heard now and holds so many bytes.
    mutating func add(_ slot: Int, byteCount: Int) {
        while byteCounts.count <= slot { byteCounts.append(0) }
        byteCounts[slot] = byteCount
        self.byteCount += byteCount
        silence.append(slot, to: 0)
        sizes.append(slot, to: Self.list(of: byteCount))
    }

    /// The device was heard, and holds so many bytes now.
    mutating func heard(_ slot: Int, byteCount: Int) {
        silence.remove(slot, from: 0)
        silence.append(slot, to: 0)
        resized(slot, byteCount: byteCount)
    }

    /// The device holds so many bytes now.
    mutating func resized(_ slot: Int, byteCount: Int) {
        sizes.remove(slot, from: Self.list(of: byteCounts[slot]))
        self.byteCount += byteCount - byteCounts[slot]
        byteCounts[slot] = byteCount
        sizes.append(slot, to: Self.list(of: byteCount))
    }

    mutating func remove(_ slot: Int) {
        silence.remove(slot, from: 0)
        sizes.remove(slot, from: Self.list(of: byteCounts[slot]))
        byteCount -= byteCounts[slot]
        byteCounts[slot] = 0
    }

    /// The device that was silent longest.
    var longestSilent: Int? { silence.ends[0].first }

    /// One of those that hold most: the first in turn.
    var largest: Int? { sizes.ends.last { $0.first != nil }?.first }

    private static func list(of byteCount: Int) -> Int {
        Int.bitWidth - max(1, byteCount).leadingZeroBitCount - 1
    }
}
