import GRDB
package import Telemetry

extension StorageTransaction {
    /// Writes an alert as it is now; the first time it gets its place in the order of alerts.
    package func save(_ alert: StoredAlert) throws {
        try run(
            """
            INSERT INTO alert
            (alert_id, rule, title, severity, device, room, metric, unit, value, state, condition, message,
             pending_at, fired_at, resolved_at, told_at, acknowledged_at, acknowledged_by, trace_id,
             traceparent, announced, due_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (alert_id) DO UPDATE SET
            unit = excluded.unit, value = excluded.value, state = excluded.state, message = excluded.message,
            condition = excluded.condition, title = excluded.title, severity = excluded.severity,
            fired_at = excluded.fired_at, resolved_at = excluded.resolved_at, told_at = excluded.told_at,
            acknowledged_at = coalesce(excluded.acknowledged_at, acknowledged_at),
            acknowledged_by = coalesce(excluded.acknowledged_by, acknowledged_by),
            trace_id = coalesce(trace_id, excluded.trace_id),
            traceparent = coalesce(excluded.traceparent, traceparent), announced = max(announced, excluded.announced),
            due_at = excluded.due_at
            """,
            [
                alert.alertID, alert.rule, alert.title, alert.severity, alert.device, alert.room, alert.metric,
                alert.unit, alert.value, alert.state.rawValue, alert.condition, alert.message,
                alert.pendingAt.nanosecondsSinceEpoch, alert.firedAt?.nanosecondsSinceEpoch,
                alert.resolvedAt?.nanosecondsSinceEpoch, alert.toldAt?.nanosecondsSinceEpoch,
                alert.acknowledgedAt?.nanosecondsSinceEpoch, alert.acknowledgedBy, alert.traceID,
                alert.cause, alert.isAnnounced, alert.dueAt?.nanosecondsSinceEpoch ?? 0,
            ])
    }

    /// Removes an alert that never fired.
    package func removeAlert(_ alertID: String) throws {
        try run("DELETE FROM alert WHERE alert_id = ?", [alertID])
    }

    /// Removes up to `limit` alerts that were over before `cutoff`; returns how many went.
    package func removeAlerts(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert WHERE number IN
            (SELECT number FROM alert WHERE resolved_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }

    /// Removes alerts that are over as far as there are more than `count` of all, up to `limit` of them; first the oldest
    /// of which nobody was told, so that a sensor that flaps does not push out what others have had. Returns how many
    /// went.
    package func removeAlerts(above count: Int, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert WHERE number IN (
                SELECT number FROM alert WHERE state = 'resolved' ORDER BY announced, number
                LIMIT max(0, min(?2, (SELECT count(*) FROM alert) - ?1)))
            """, [count, limit])
        return database.changesCount
    }

    /// Nobody is told of that rule's alerts of that device until then; `nil` ends it.
    package func silence(
        rule: String, room: String, device: String, until: Timestamp?, by user: String
    ) throws {
        guard let until else {
            return try run(
                "DELETE FROM alert_silence WHERE rule = ? AND room = ? AND device = ?", [rule, room, device])
        }
        try run(
            "INSERT OR REPLACE INTO alert_silence (rule, room, device, until, user) VALUES (?, ?, ?, ?, ?)",
            [rule, room, device, until.nanosecondsSinceEpoch, user])
    }

    /// Moves the instants before which nobody is told that an alert fires: the clock was set.
    package func shiftDueAlerts(by step: Duration) throws {
        let nanoseconds = Timestamp(nanosecondsSinceEpoch: 0).advanced(by: step).nanosecondsSinceEpoch
        try run(
            "UPDATE alert SET due_at = max(0, due_at + ?) WHERE state = 'firing' AND announced = 0 AND due_at > 0",
            [nanoseconds])
    }

    /// Removes up to `limit` silences that are over; returns how many went.
    package func removeSilences(before now: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert_silence WHERE (rule, room, device) IN
            (SELECT rule, room, device FROM alert_silence WHERE until <= ? LIMIT ?)
            """, [now.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}
