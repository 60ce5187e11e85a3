import DequeModule
import MQTTTransport

/// What was received lately at QoS 1, so that a message that the broker delivers again is known although its
/// acknowledgement was lost.
///
/// A broker that still has the session sends again, in their order, the messages that it holds for unacknowledged
/// (MQTT 5, section 4.4), and marks them with the DUP flag. Those among them that were committed stand in this list in
/// the same order; the first one that does not was never taken, and neither was anything after it. Readings themselves
/// tell nothing: equal ones are two.
///
///     1 2 3 4 5 6     committed
///         ▲ ▲         sent again: 3 and 4; then comes something new, and 3 and 4 are all that may come once more
///
/// What had not come again by then never will: it is dropped, also from the database. Else a broker that was killed and
/// gives the packet ids after its last save a second time could meet what they stood for the first time.
///
/// A value without storage of its own: the transaction that commits a batch stores its entries.
struct DeliveryLog {
    /// One delivery: 10 bytes in the database.
    struct Entry: Hashable {
        var packetID: UInt16
        /// Of topic and payload (FNV-1a, 64 bits): whoever makes two of his own messages collide loses one of his own.
        var digest: UInt64

        init(packetID: UInt16, digest: UInt64) {
            self.packetID = packetID
            self.digest = digest
        }

        init(_ message: MQTTMessage) {
            packetID = message.packetID
            var digest: UInt64 = 0xCBF2_9CE4_8422_2325
            func add(_ byte: UInt8) { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
            for byte in message.topic.utf8 { add(byte) }
            add(0)
            for byte in message.payload { add(byte) }
            self.digest = digest
        }
    }

    /// What is to be stored when deliveries are added.
    struct Change {
        /// Batches up to this one are to be removed first.
        var obsolete: Int64?
        var batches: [(number: Int64, entries: [Entry])] = []
    }

    /// One committed batch's part.
    private struct Batch {
        var number: Int64
        var count: Int
    }

    /// What the broker sends again, against what is known.
    private struct Comparison {
        /// Where each packet id's last delivery stands: an id that was given again had been acknowledged before.
        private let places: [UInt16: Int]
        /// Where the next entry that may come again stands.
        private var position = 0
        /// What came again.
        private(set) var matched: [Entry] = []

        init(with entries: Deque<Entry>) {
            var places: [UInt16: Int] = [:]
            places.reserveCapacity(entries.count)
            for (place, entry) in entries.enumerated() { places[entry.packetID] = place }
            self.places = places
        }

        /// Whether the message is known and in its place.
        mutating func match(_ message: MQTTMessage, in entries: Deque<Entry>) -> Bool {
            guard message.isDuplicate != false, let place = places[message.packetID], place >= position else {
                return false
            }
            let entry = Entry(message)
            guard entries[place] == entry else { return false }
            position = place + 1
            matched.append(entry)
            return true
        }
    }

    private static let entryByteCount = 10
    /// Batches are given up when the list is longer than it must be by this part of it.
    private static let pruningShare = 4
    /// What a comparison leaves is stored in parts of this size, so that they can be given up one by one.
    private static let partCount = 512

    /// The number of the batch that is committed next.
    private(set) var nextNumber: Int64 = 1
    private let capacity: Int
    private var entries = Deque<Entry>()
    /// How `entries` are stored; empty while what a comparison has left is not.
    private var batches = Deque<Batch>()
    /// `nil` once something new has come.
    private var comparison: Comparison?
    /// Whether a comparison has ended since the last commit: what is stored is to be replaced.
    private var isCut = false

    /// - Parameters:
    ///   - capacity: more than can be unacknowledged at once.
    ///   - stored: what the database has.
    init(capacity: Int, stored: [(number: Int64, entries: [UInt8])] = []) {
        self.capacity = capacity
        for (number, bytes) in stored {
            let entries = Self.entries(bytes)
            committed(Change(obsolete: obsolete(adding: entries.count), batches: [(number, entries)]))
        }
    }

    /// How many are remembered.
    var count: Int { entries.count }

    /// The broker has the session: what it sends now may have been taken before.
    mutating func resume() {
        comparison = entries.isEmpty ? nil : Comparison(with: entries)
    }

    /// Whether a message was taken before. To be asked for every message in its order.
    ///
    /// A message of which the broker says that it is new is new. Where nobody knows what it says, only its place in the
    /// list tells.
    mutating func isRepeated(_ message: MQTTMessage) -> Bool {
        guard comparison != nil, message.qos == .atLeastOnce else { return false }
        if comparison?.match(message, in: entries) == true { return true }
        entries = Deque(comparison?.matched ?? [])
        batches.removeAll()
        isCut = true
        comparison = nil
        return false
    }

    /// What to store with a batch of these deliveries.
    func change(adding new: [Entry]) -> Change {
        guard isCut else {
            return Change(obsolete: obsolete(adding: new.count), batches: new.isEmpty ? [] : [(nextNumber, new)])
        }
        var change = Change(obsolete: nextNumber - 1)
        var rest = (entries + new)[...]
        while !rest.isEmpty {
            change.batches.append((nextNumber + Int64(change.batches.count), Array(rest.prefix(Self.partCount))))
            rest = rest.dropFirst(Self.partCount)
        }
        return change
    }

    /// A change was committed.
    mutating func committed(_ change: Change) {
        if isCut {
            entries.removeAll()
            isCut = false
        }
        while let first = batches.first, let obsolete = change.obsolete, first.number <= obsolete {
            entries.removeFirst(first.count)
            batches.removeFirst()
        }
        for (number, added) in change.batches {
            entries += added
            batches.append(Batch(number: number, count: added.count))
            nextNumber = number + 1
        }
    }

    /// The latest batch that a full list no longer needs; `nil` while that is not worth a removal.
    private func obsolete(adding count: Int) -> Int64? {
        let excess = entries.count + count - capacity
        guard excess >= capacity / Self.pruningShare else { return nil }
        var rest = excess
        var last: Int64?
        for batch in batches {
            guard rest >= batch.count else { break }
            rest -= batch.count
            last = batch.number
        }
        return last
    }

    // MARK: Bytes

    /// As the database has them: packet id and digest of each, the most significant byte first.
    static func bytes(_ entries: [Entry]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * entryByteCount)
        for entry in entries {
            withUnsafeBytes(of: entry.packetID.bigEndian) { bytes += $0 }
            withUnsafeBytes(of: entry.digest.bigEndian) { bytes += $0 }
        }
        return bytes
    }

    static func entries(_ bytes: [UInt8]) -> [Entry] {
        stride(from: 0, to: bytes.count - bytes.count % entryByteCount, by: entryByteCount).map { start in
            func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
            return Entry(
                packetID: UInt16(truncatingIfNeeded: number(start..<start + 2)), digest: number(start + 2..<start + 10))
        }
    }
}
