package import Core
import Foundation
import GRDB

/// A rejected MQTT message with the reason. Messages with the same topic and reason share one dead letter, which counts
/// them and keeps the latest payload.
package struct DeadLetter: Sendable, Equatable {
    /// The maximum number of payload bytes that are stored.
    package static let maxPayloadBytes = 4096

    /// The row's id in this database; 0 before it is stored.
    package var id: Int64
    package var topic: String
    /// A machine-readable code such as `invalid_json`, from a small fixed set.
    package var reason: String
    /// A sentence for people.
    package var detail: String
    /// The beginning of the latest payload.
    package var payload: [UInt8]
    /// The full length of the latest payload.
    package var payloadByteCount: Int
    /// The number of rejected messages with this topic and reason.
    package var count: Int
    package var firstAt: Timestamp
    package var lastAt: Timestamp
    /// The trace of the latest message, if it had one: 32 hexadecimal digits.
    package var traceID: String?

    package init(
        topic: String, reason: String, detail: String, payload: [UInt8], at instant: Timestamp, count: Int = 1,
        traceID: String? = nil
    ) {
        id = 0
        self.topic = topic
        self.reason = reason
        self.detail = detail
        self.payload = Array(payload.prefix(Self.maxPayloadBytes))
        payloadByteCount = payload.count
        self.count = count
        firstAt = instant
        lastAt = instant
        self.traceID = traceID
    }

    static let columns = "id, topic, reason, detail, payload, payload_bytes, count, first_at, last_at, trace_id"

    init(_ row: Row) throws {
        id = try row.value(0)
        topic = try row.value(1)
        reason = try row.value(2)
        detail = try row.value(3)
        payload = try row.withUnsafeData(atIndex: 4) { $0.map(Array.init) ?? [] }
        payloadByteCount = try row.value(5)
        count = try row.value(6)
        firstAt = Timestamp(nanosecondsSinceEpoch: try row.value(7))
        lastAt = Timestamp(nanosecondsSinceEpoch: try row.value(8))
        traceID = try row.optional(9)
    }
}

extension StorageTransaction {
    /// Stores a dead letter, or adds it to the existing one with the same topic and reason. Above `maxCount` the least
    /// recently seen ones are deleted.
    package func add(_ letter: DeadLetter, maxCount: Int) throws {
        try run(
            """
            INSERT INTO dead_letter
            (topic, reason, detail, payload, payload_bytes, count, first_at, last_at, trace_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (topic, reason) DO UPDATE SET
            detail = excluded.detail, payload = excluded.payload, payload_bytes = excluded.payload_bytes,
            count = count + excluded.count, last_at = excluded.last_at, trace_id = excluded.trace_id
            """,
            [
                letter.topic, letter.reason, letter.detail, Data(letter.payload), letter.payloadByteCount,
                letter.count, letter.firstAt.nanosecondsSinceEpoch, letter.lastAt.nanosecondsSinceEpoch,
                letter.traceID,
            ])
        let excess = try snapshot.deadLetterCount() - maxCount
        guard excess > 0 else { return }
        try run("DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter ORDER BY last_at LIMIT ?)", [excess])
        _ = try next("dead_letters_forgotten", count: database.changesCount)
    }

    /// Deletes up to `limit` dead letters last seen before `cutoff`. Returns the number deleted.
    package func removeDeadLetters(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE last_at < ? LIMIT ?)",
            [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}

extension StorageSnapshot {
    /// Returns the number of stored dead letters.
    package func deadLetterCount() throws -> Int {
        try row("SELECT count(*) FROM dead_letter")?[0] ?? 0
    }

    /// Returns the number of dead letters deleted because there were too many.
    package func forgottenDeadLetters() throws -> Int {
        try row("SELECT value FROM counter WHERE name = 'dead_letters_forgotten'")?[0] ?? 0
    }

    /// Returns ids, topics and counts of dead letters, the most recently seen first.
    package func deadLetterTopics(limit: Int) throws -> [(id: Int64, topic: String, count: Int)] {
        try rows("SELECT id, topic, count FROM dead_letter ORDER BY last_at DESC, id DESC LIMIT ?", [limit])
            .map { (try $0.value(0), try $0.value(1), try $0.value(2)) }
    }

    /// Returns the dead letter with this id, or `nil` if it was deleted.
    package func deadLetter(_ id: Int64) throws -> DeadLetter? {
        try row("SELECT \(DeadLetter.columns) FROM dead_letter WHERE id = ?", [id]).map(DeadLetter.init)
    }

    /// Returns dead letters, the most recently seen first.
    ///
    /// - Parameters:
    ///   - id: Only those after the dead letter with this id in the returned order; `nil` for the first page.
    ///   - reason: Only those with this reason; `nil` for all.
    package func deadLetters(before id: Int64?, reason: String?, limit: Int) throws -> [DeadLetter] {
        try rows(
            """
            SELECT \(DeadLetter.columns) FROM dead_letter
            WHERE (?1 IS NULL OR reason = ?1)
            AND (?2 IS NULL OR (last_at, id) < (SELECT last_at, id FROM dead_letter WHERE id = ?2))
            ORDER BY last_at DESC, id DESC LIMIT ?3
            """, [reason, id, limit]
        ).map(DeadLetter.init)
    }
}
