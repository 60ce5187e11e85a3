import Foundation
import GRDB
package import Telemetry

extension StorageTransaction {
    /// Keeps a dead letter, or counts it where its topic had one for the same reason; forgets those that were silent
    /// longest above `maxCount`.
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

    /// Removes up to `limit` dead letters that came last before `cutoff`; returns how many went.
    package func removeDeadLetters(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE last_at < ? LIMIT ?)",
            [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}

extension StorageSnapshot {
    /// How many dead letters are kept.
    package func deadLetterCount() throws -> Int {
        try row("SELECT count(*) FROM dead_letter")?[0] ?? 0
    }

    /// How many were forgotten because there were too many.
    package func forgottenDeadLetters() throws -> Int {
        try row("SELECT value FROM counter WHERE name = 'dead_letters_forgotten'")?[0] ?? 0
    }

    /// Dead letters, those that came last first: those before the one with the id `before`, and of one reason when one
    /// is named.
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
