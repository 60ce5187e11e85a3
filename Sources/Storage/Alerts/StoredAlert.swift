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

    init(_ row: Row) {
        func time(_ column: Int) -> Timestamp? { (row[column] as Int64?).map(Timestamp.init(nanosecondsSinceEpoch:)) }
        alertID = row[0]
        rule = row[1]
        title = row[2]
        severity = row[3]
        device = row[4]
        room = row[5]
        metric = row[6]
        unit = row[7]
        value = row[8]
        state = State(rawValue: row[9]) ?? .resolved
        condition = row[10]
        message = row[11]
        pendingAt = Timestamp(nanosecondsSinceEpoch: row[12])
        firedAt = time(13)
        resolvedAt = time(14)
        toldAt = time(15)
        acknowledgedAt = time(16)
        acknowledgedBy = row[17]
        traceID = row[18]
        cause = row[19]
        isAnnounced = row[20]
        silencedUntil = time(21)
        dueAt = (row[22] as Int64) == 0 ? nil : time(22)
    }
}
