import DequeModule
import MQTTTransport

/// A log of recent QoS 1 deliveries that recognizes redeliveries whose acknowledgement was lost.
///
/// A broker that still has the session redelivers the messages it considers unacknowledged in their original order
/// (MQTT 5, section 4.4) and marks them with the DUP flag. Those that were committed are in this log in the same order.
/// The first message that is not in the log was never committed, and neither was any message after it. Comparing
/// readings would not be enough: two equal readings may both be genuine.
///
///     1 2 3 4 5 6     committed
///         ▲ ▲         redelivered: 3 and 4; a new message follows, so only 3 and 4 can be redelivered again
///
/// When the first new message arrives, entries that were not redelivered never will be. They are removed, also from the
/// database. Otherwise they could match new messages of a broker that was killed and reuses the packet IDs it had
/// issued since its last save.
///
/// A value type without storage of its own: the transaction that commits a batch also stores its entries.
struct RedeliveryFilter {
    /// One delivery; 10 bytes in the database.
    struct Entry: Hashable {
        var packetID: UInt16
        /// FNV-1a hash (64 bits) of topic and payload. A forged collision only drops the forger's own message.
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

    /// The changes to the stored log when deliveries are added.
    struct Change {
        /// The batches up to this number are removed before ``batches`` are added; `nil` removes none.
        var obsolete: Int64?
        var batches: [(number: Int64, entries: [Entry])] = []
    }

    /// A committed batch: its number and its number of entries.
    private struct Batch {
        var number: Int64
        var count: Int
    }

    /// The comparison of redelivered messages with the log.
    private struct Comparison {
        /// The position in the log of each packet ID's last delivery. An earlier delivery with the same ID must have
        /// been acknowledged.
        private let indices: [UInt16: Int]
        /// The position in the log of the next entry that may be redelivered.
        private var position = 0
        /// The entries that were redelivered.
        private(set) var matched: [Entry] = []

        init(with entries: Deque<Entry>) {
            var indices: [UInt16: Int] = [:]
            indices.reserveCapacity(entries.count)
            for (index, entry) in entries.enumerated() { indices[entry.packetID] = index }
            self.indices = indices
        }

        /// Returns true when the message is in the log at or after the current position, and advances past it.
        mutating func match(_ message: MQTTMessage, in entries: Deque<Entry>) -> Bool {
            guard message.isDuplicate != false, let index = indices[message.packetID], index >= position else {
                return false
            }
            let entry = Entry(message)
            guard entries[index] == entry else { return false }
            position = index + 1
            matched.append(entry)
            return true
        }
    }

    private static let entryByteCount = 10
    /// The log may exceed its capacity by this fraction, a quarter, before old batches are removed.
    private static let pruningShare = 4
    /// The number of entries per batch when the entries that remain after a comparison are stored again. Small batches
    /// can be removed one by one.
    private static let partCount = 512

    /// The number of the next batch to commit.
    private(set) var nextNumber: Int64 = 1
    private let capacity: Int
    private var entries = Deque<Entry>()
    /// The stored batches that `entries` consists of. Empty after a comparison, until the remaining entries are stored
    /// again.
    private var batches = Deque<Batch>()
    /// The comparison that began with the current connection; `nil` once a new message has arrived.
    private var comparison: Comparison?
    /// True when a comparison has ended since the last commit: the stored entries must be replaced.
    private var isCut = false

    /// - Parameters:
    ///   - capacity: The number of entries to keep, which must exceed the number of messages that can be unacknowledged
    ///     at once.
    ///   - stored: The batches in the database.
    init(capacity: Int, stored: [(number: Int64, entries: [UInt8])] = []) {
        self.capacity = capacity
        for (number, bytes) in stored {
            let entries = Self.entries(bytes)
            committed(Change(obsolete: obsolete(adding: entries.count), batches: [(number, entries)]))
        }
    }

    /// The number of entries.
    var count: Int { entries.count }

    /// Starts a comparison, because the broker kept the session and may redeliver messages.
    mutating func resume() {
        comparison = entries.isEmpty ? nil : Comparison(with: entries)
    }

    /// Returns true for a redelivery of a message that was already committed. Must be called for every message in
    /// order.
    ///
    /// A message that the broker marks as new is new. When its DUP flag is unknown, only its position in the log
    /// decides.
    mutating func isRepeated(_ message: MQTTMessage) -> Bool {
        guard comparison != nil, message.qos == .atLeastOnce else { return false }
        if comparison?.match(message, in: entries) == true { return true }
        entries = Deque(comparison?.matched ?? [])
        batches.removeAll()
        isCut = true
        comparison = nil
        return false
    }

    /// Returns the changes to store with a batch of these deliveries.
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

    /// Applies a change that was committed.
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

    /// Returns the number of the latest batch to remove when `count` entries are added; `nil` while the log exceeds its
    /// capacity by less than a quarter.
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

    /// Returns the entries in the database's format: packet ID and digest of each, in big-endian order.
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
