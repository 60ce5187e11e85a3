import GRDB
package import Telemetry

/// An alert from its pending to its end.
package struct StoredAlert: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case pending, firing, resolved
    }

    package var alertID: String
    /// The name of its rule.
    package var rule: String
    /// What people call the rule.
    package var title: String
    /// `info`, `warning` or `critical`.
    package var severity: String
    package var device: String
    /// The room of the device's readings.
    package var room: String
    package var metric: String
    package var unit: String?
    /// The latest value that mattered; `nil` for a device that fell silent.
    package var value: Double?
    package var state: State
    /// The rule's condition in words.
    package var condition: String
    /// What people are told.
    package var message: String
    package var pendingAt: Timestamp
    package var firedAt: Timestamp?
    package var resolvedAt: Timestamp?
    /// When people were last told.
    package var toldAt: Timestamp?
    package var acknowledgedAt: Timestamp?
    package var acknowledgedBy: String?
    /// The trace that shows how it began: the reading's where that was sampled, else the alert's own. 32 hexadecimal
    /// digits.
    package var traceID: String?
    /// W3C `traceparent` of the reading that made the condition hold.
    package var cause: String?
    /// Whether people were told that it fires: if not, because it was silenced, they are not told of its end either.
    package var isAnnounced: Bool
    /// Before this nobody is told that it fires; `nil` for at once.
    package var dueAt: Timestamp?
    /// Until when nobody is told of this rule's alerts of this device; read only.
    package var silencedUntil: Timestamp?
    /// Earlier alerts of the same rule and device, since people were last told of one; not stored.
    package var suppressedCount = 0

    package init(
        alertID: String, rule: String, title: String, severity: String, device: String, room: String, metric: String,
        unit: String? = nil, value: Double? = nil, state: State, condition: String, message: String,
        pendingAt: Timestamp, firedAt: Timestamp? = nil, resolvedAt: Timestamp? = nil, toldAt: Timestamp? = nil,
        acknowledgedAt: Timestamp? = nil, acknowledgedBy: String? = nil, traceID: String? = nil,
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
        self.toldAt = toldAt
        self.acknowledgedAt = acknowledgedAt
        self.acknowledgedBy = acknowledgedBy
        self.traceID = traceID
        self.cause = cause
        self.isAnnounced = isAnnounced
    }

    /// With the silence of its rule and device, for `FROM alert LEFT JOIN alert_silence`.
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
        toldAt = try time(15)
        acknowledgedAt = try time(16)
        acknowledgedBy = try row.optional(17)
        traceID = try row.optional(18)
        cause = try row.optional(19)
        isAnnounced = try row.value(20)
        silencedUntil = try time(21)
        let due: Int64 = try row.value(22)
        dueAt = due == 0 ? nil : Timestamp(nanosecondsSinceEpoch: due)
    }
}
