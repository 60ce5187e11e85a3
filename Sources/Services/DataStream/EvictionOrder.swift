/// The order in which devices are evicted: either the one that was silent longest, or one of those that use the most
/// memory.
///
/// Keeps one list of all devices from the longest silent to the one that sent a message last, and one list per power of
/// two of bytes, ordered by the time at which the device last sent a message or was resized:
///
///     silence   c ─ e ─ a ─ b ─ f     longest silent: the first
///     2^12…     c ─ a ─ f
///     2^17…     e ─ b                 largest: the first of the last list; sizes in a list differ by less than 2×
///
/// Shrinking a device does not change its position in the silence list, so that does not delay the eviction of a large
/// device. In its size list the device moves to the end, so that devices of similar size shrink in turn. Every
/// operation takes constant time. Devices are identified by their slots: small numbers that are reused.
struct EvictionOrder {
    /// Linked lists of slots. A slot is in at most one of the lists.
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
    /// Total bytes of all devices.
    private(set) var byteCount = 0

    /// Adds a device that has sent a message just now.
    mutating func add(_ slot: Int, byteCount: Int) {
        while byteCounts.count <= slot { byteCounts.append(0) }
        byteCounts[slot] = byteCount
        self.byteCount += byteCount
        silence.append(slot, to: 0)
        sizes.append(slot, to: Self.list(of: byteCount))
    }

    /// Records that the device has sent a message, and its new size.
    mutating func touch(_ slot: Int, byteCount: Int) {
        silence.remove(slot, from: 0)
        silence.append(slot, to: 0)
        resize(slot, byteCount: byteCount)
    }

    /// Records the device's new size.
    mutating func resize(_ slot: Int, byteCount: Int) {
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

    /// The device that was silent longest; `nil` if there is none.
    var longestSilent: Int? { silence.ends[0].first }

    /// One of the largest devices: the first device of the last size list that is not empty.
    var largest: Int? { sizes.ends.last { $0.first != nil }?.first }

    private static func list(of byteCount: Int) -> Int {
        Int.bitWidth - max(1, byteCount).leadingZeroBitCount - 1
    }
}
