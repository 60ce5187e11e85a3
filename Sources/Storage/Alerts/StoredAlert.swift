package import Core
import GRDB

/// An alert, from pending to resolved.
package struct StoredAlert: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case pending, firing, resolved
    }

    package var alertID: String
    /// The name of the rule.
    package var rule: String
    /// The rule's title, for people.
    package var title: String
    /// `info`, `warning` or `critical`.
    package var severity: String
    package var device: String
    /// The room of the device's readings.
    package var room: String
    package var metric: String
    package var unit: String?
    /// The latest value that the rule evaluated; `nil` for a device that stopped sending.
    package var value: Double?
    package var state: State
    /// The rule's condition in words.
    package var condition: String
    /// The text shown to users.
    package var message: String
    package var pendingAt: Timestamp
    package var firedAt: Timestamp?
    package var resolvedAt: Timestamp?
    /// The latest time at which users were notified that the alert is firing.
    package var lastNotifiedAt: Timestamp?
    package var acknowledgedAt: Timestamp?
    package var acknowledgedBy: UserID?
    /// The trace that shows the alert's beginning: the reading's trace if that was sampled, otherwise the alert's own.
    /// 32 hexadecimal digits.
    package var traceID: String?
    /// W3C `traceparent` of the reading that made the condition hold.
    package var cause: String?
    /// True when users were notified that the alert is firing. If they were not, for example because it was silenced,
    /// they are not notified of its end either.
    package var isAnnounced: Bool
    /// The earliest time at which users may be notified that the alert is firing; `nil` for at once.
    package var dueAt: Timestamp?
    /// The time until which alerts of this rule and device are silenced. Read-only.
    package var silencedUntil: Timestamp?
    /// The number of alerts of the same rule and device that were not announced since the last announced one, without
    /// this alert. Computed when the alert is announced; not stored.
    package var suppressedCount = 0

    package init(
        alertID: String, rule: String, title: String, severity: String, device: String, room: String, metric: String,
        unit: String? = nil, value: Double? = nil, state: State, condition: String, message: String,
        pendingAt: Timestamp, firedAt: Timestamp? = nil, resolvedAt: Timestamp? = nil, lastNotifiedAt: Timestamp? = nil,
        acknowledgedAt: Timestamp? = nil, acknowledgedBy: UserID? = nil, traceID: String? = nil,
        cause: String? = nil, isAnnounced: Bool = false
    ) {
        self.alertID = alertID
        self.rule = rule
        self.title = title
        self.severity = severity
        self.device = device
        self.room = room
        self.metric = metric
        self.unit = unit
        self.value = value
        self.state = state
        self.condition = condition
        self.message = message
        self.pendingAt = pendingAt
        self.firedAt = firedAt
        self.resolvedAt = resolvedAt
        self.lastNotifiedAt = lastNotifiedAt
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
        self.traceID = traceID
        self.cause = cause
        self.isAnnounced = isAnnounced
    }

    /// The columns of an alert with the silence of its rule and device, for `FROM alert LEFT JOIN alert_silence`.
    static let columns = """
        alert_id, alert.rule, title, severity, alert.device, alert.room, metric, unit, value, state, condition, message,
        pending_at, fired_at, resolved_at, told_at, acknowledged_at, acknowledged_by, trace_id, traceparent, announced, until, due_at
        """

    init(_ row: Row) throws {
        func time(_ column: Int) throws -> Timestamp? {
            try row.optional(column).map(Timestamp.init(nanosecondsSinceEpoch:))
        }
        alertID = try row.value(0)
        rule = try row.value(1)
        title = try row.value(2)
        severity = try row.value(3)
        device = try row.value(4)
        room = try row.value(5)
        metric = try row.value(6)
        unit = try row.optional(7)
        value = try row.optional(8)
        state = State(rawValue: try row.value(9)) ?? .resolved
        condition = try row.value(10)
        message = try row.value(11)
        pendingAt = Timestamp(nanosecondsSinceEpoch: try row.value(12))
        firedAt = try time(13)
        resolvedAt = try time(14)
        lastNotifiedAt = try time(15)
        acknowledgedAt = try time(16)
        acknowledgedBy = try row.optional(17).map(UserID.init(unchecked:))
        traceID = try row.optional(18)
        cause = try row.optional(19)
        isAnnounced = try row.value(20)
        silencedUntil = try time(21)
        let due: Int64 = try row.value(22)
        dueAt = due == 0 ? nil : Timestamp(nanosecondsSinceEpoch: due)
    }
}

extension StorageTransaction {
    /// Inserts or updates an alert. Its position in the order of alerts is determined by the insert.
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
                alert.resolvedAt?.nanosecondsSinceEpoch, alert.lastNotifiedAt?.nanosecondsSinceEpoch,
                alert.acknowledgedAt?.nanosecondsSinceEpoch, alert.acknowledgedBy?.rawValue, alert.traceID,
                alert.cause, alert.isAnnounced, alert.dueAt?.nanosecondsSinceEpoch ?? 0,
            ])
    }

    /// Deletes an alert. Called for pending alerts that end without firing.
    package func removeAlert(_ alertID: String) throws {
        try run("DELETE FROM alert WHERE alert_id = ?", [alertID])
    }

    /// Deletes up to `limit` alerts that were resolved before `cutoff`. Returns the number deleted.
    package func removeAlerts(before cutoff: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert WHERE number IN
            (SELECT number FROM alert WHERE resolved_at < ? LIMIT ?)
            """, [cutoff.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }

    /// Deletes up to `limit` resolved alerts while there are more than `count` in all. Alerts of which users were never
    /// notified go first, then the oldest, so that a flapping sensor does not push out the alerts of others. Returns
    /// the number deleted.
    package func removeAlerts(above count: Int, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert WHERE number IN (
                SELECT number FROM alert WHERE state = 'resolved' ORDER BY announced, number
                LIMIT max(0, min(?2, (SELECT count(*) FROM alert) - ?1)))
            """, [count, limit])
        return database.changesCount
    }

    /// Silences the alerts of a rule and device until the time `until`. `nil` ends the silence.
    package func silence(
        rule: String, room: String, device: String, until: Timestamp?, by user: UserID
    ) throws {
        guard let until else {
            return try run(
                "DELETE FROM alert_silence WHERE rule = ? AND room = ? AND device = ?", [rule, room, device])
        }
        try run(
            "INSERT OR REPLACE INTO alert_silence (rule, room, device, until, user) VALUES (?, ?, ?, ?, ?)",
            [rule, room, device, until.nanosecondsSinceEpoch, user.rawValue])
    }

    /// Shifts ``StoredAlert/dueAt`` of the firing alerts of which users have not been notified yet by `step`, the
    /// amount by which the clock was set.
    package func shiftDueAlerts(by step: Duration) throws {
        let nanoseconds = Timestamp(nanosecondsSinceEpoch: 0).advanced(by: step).nanosecondsSinceEpoch
        try run(
            "UPDATE alert SET due_at = max(0, due_at + ?) WHERE state = 'firing' AND announced = 0 AND due_at > 0",
            [nanoseconds])
    }

    /// Deletes up to `limit` expired silences. Returns the number deleted.
    package func removeSilences(before now: Timestamp, limit: Int) throws -> Int {
        try run(
            """
            DELETE FROM alert_silence WHERE (rule, room, device) IN
            (SELECT rule, room, device FROM alert_silence WHERE until <= ? LIMIT ?)
            """, [now.nanosecondsSinceEpoch, limit])
        return database.changesCount
    }
}
