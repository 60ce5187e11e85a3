/// Which device is forgotten next: the longest silent one, or the one that holds most.
///
/// A list of devices for each power of two of bytes, from the longest silent to the latest heard:
///
///     2^12…   c ─ a ─ f          longest silent: the first of one of the lists
///     2^17…   e ─ b              holds most: the first of the last list, whose devices are within twice of each other
///
/// Everything but asking for the longest silent takes the same few steps however many devices there are; that looks at the
/// first of every list. Devices are named by their slots, small numbers that are given again.
struct EvictionOrder {
    private struct Entry {
        var byteCount = 0
        /// When it was heard, counted in messages.
        var heard: UInt64 = 0
        var previous: Int?
        var next: Int?
    }

    private struct List {
        var first: Int?
        var last: Int?
    }

    private var entries: [Entry] = []
    private var lists = [List](repeating: List(), count: Int.bitWidth)
    private var clock: UInt64 = 0
    /// Bytes of all devices.
    private(set) var byteCount = 0

    /// Takes a device that was heard now and holds so many bytes.
    mutating func add(_ slot: Int, byteCount: Int) {
        while entries.count <= slot { entries.append(Entry()) }
        entries[slot].byteCount = byteCount
        self.byteCount += byteCount
        append(slot)
    }

    /// The device was heard, and holds so many bytes now.
    mutating func heard(_ slot: Int, byteCount: Int) {
        unlink(slot)
        set(byteCount, of: slot)
        append(slot)
    }

    /// The device holds so many bytes now. It is the latest heard among those of its size, which nothing depends on:
    /// devices that shrink were the largest.
    mutating func resized(_ slot: Int, byteCount: Int) {
        let heard = entries[slot].heard
        unlink(slot)
        set(byteCount, of: slot)
        append(slot)
        entries[slot].heard = heard
    }

    mutating func remove(_ slot: Int) {
        unlink(slot)
        set(0, of: slot)
    }

    /// The device that was silent longest.
    var longestSilent: Int? {
        lists.compactMap(\.first).min { entries[$0].heard < entries[$1].heard }
    }

    /// The longest silent of the devices that hold most.
    var largest: Int? {
        lists.last { $0.first != nil }?.first
    }

    private mutating func set(_ byteCount: Int, of slot: Int) {
        self.byteCount += byteCount - entries[slot].byteCount
        entries[slot].byteCount = byteCount
    }

    private func list(of slot: Int) -> Int {
        Int.bitWidth - max(1, entries[slot].byteCount).leadingZeroBitCount - 1
    }

    private mutating func append(_ slot: Int) {
        clock += 1
        let list = list(of: slot)
        let last = lists[list].last
        entries[slot].heard = clock
        entries[slot].previous = last
        entries[slot].next = nil
        if let last { entries[last].next = slot } else { lists[list].first = slot }
        lists[list].last = slot
    }

    private mutating func unlink(_ slot: Int) {
        let list = list(of: slot)
        let (previous, next) = (entries[slot].previous, entries[slot].next)
        if let previous { entries[previous].next = next } else { lists[list].first = next }
        if let next { entries[next].previous = previous } else { lists[list].last = previous }
    }
}
