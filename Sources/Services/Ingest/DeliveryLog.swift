import DequeModule
import MQTTTransport

/// What was received lately at QoS 1, so that a message that the broker delivers again is known although its
/// acknowledgement was lost.
///
/// A broker that still has the session sends again, in their order, the messages that it holds for unacknowledged
/// (MQTT 5, section 4.4). Those among them that were committed stand in this list in the same order; the first one that
/// does not was never taken, and neither was anything after it. Readings themselves tell nothing: equal ones are two.
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

    /// One committed batch's part.
    private struct Batch {
        var number: Int64
        var count: Int
    }

    private static let entryByteCount = 10
    /// Batches are given up when the list is longer than it must be by this part of it.
    private static let pruningShare = 4

    /// The number of the batch that is committed next.
    private(set) var nextNumber: Int64 = 1
    private let capacity: Int
    private var entries = Deque<Entry>()
    private var batches = Deque<Batch>()
    /// Where the next entry that may come again stands; `nil` once something new has come.
    private var position: Int?

    /// - Parameters:
    ///   - capacity: more than can be unacknowledged at once.
    ///   - stored: what the database has.
    init(capacity: Int, stored: [(number: Int64, entries: [UInt8])] = []) {
        self.capacity = capacity
        for (number, bytes) in stored { committed(Self.entries(bytes), number: number) }
    }

    var isEmpty: Bool { entries.isEmpty }

    /// The latest batch that a full list no longer needs; `nil` while that is not worth a removal.
    func obsolete(adding count: Int) -> Int64? {
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

    /// The broker has the session: what it sends now may have been taken before.
    mutating func resume() {
        position = entries.isEmpty ? nil : 0
    }

    /// The session is new: everything is forgotten.
    mutating func reset() {
        entries.removeAll()
        batches.removeAll()
        position = nil
    }

    /// Whether a message was taken before. To be asked for every message in its order.
    mutating func isRepeated(_ message: MQTTMessage) -> Bool {
        guard let start = position, message.qos == .atLeastOnce else { return false }
        let entry = Entry(message)
        guard let match = entries[start...].firstIndex(of: entry) else {
            position = nil
            return false
        }
        position = match + 1
        return true
    }

    /// The entries of a batch were committed under that number.
    mutating func committed(_ new: [Entry], number: Int64) {
        nextNumber = number + 1
        let last = obsolete(adding: new.count)
        while let first = batches.first, let last, first.number <= last {
            entries.removeFirst(first.count)
            batches.removeFirst()
        }
        entries += new
        batches.append(Batch(number: number, count: new.count))
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
