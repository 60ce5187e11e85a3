package import Core
import GRDB

/// A filter for alerts.
package struct AlertQuery: Sendable {
    /// The states to include; empty for all.
    package var states: [StoredAlert.State]
    package var device: String?
    package var room: String?
    package var rule: String?
    /// Only alerts that were pending or firing at some time in this range.
    package var range: Range<Timestamp>?
    /// Only alerts that began before the alert with this id.
    package var before: String?
    package var limit: Int

    package init(
        states: [StoredAlert.State] = [], device: String? = nil, room: String? = nil, rule: String? = nil,
        range: Range<Timestamp>? = nil, before: String? = nil, limit: Int = 100
    ) {
        self.states = states
        self.device = device
        self.room = room
        self.rule = rule
        self.range = range
        self.before = before
        self.limit = limit
    }
}

extension StorageSnapshot {
    private static let alerts = """
        SELECT \(StoredAlert.columns) FROM alert LEFT JOIN alert_silence AS silence
        ON silence.rule = alert.rule AND silence.room = alert.room AND silence.device = alert.device
        """

    /// Returns the alerts that are not resolved, in the order in which they began.
    package func activeAlerts() throws -> [StoredAlert] {
        try rows("\(Self.alerts) WHERE state <> 'resolved' ORDER BY number").map(StoredAlert.init)
    }

    /// Returns firing alerts of which users are to be notified now: those neither announced (see
    /// ``StoredAlert/isAnnounced``) nor acknowledged nor silenced, and whose ``StoredAlert/dueAt`` has passed. The
    /// earliest due come first.
    package func unannouncedAlerts(at now: Timestamp, limit: Int) throws -> [StoredAlert] {
        try rows(
            """
            \(Self.alerts) WHERE state = 'firing' AND announced = 0 AND due_at <= ?1 AND acknowledged_at IS NULL
            AND coalesce(until, 0) <= ?1 ORDER BY due_at, number LIMIT ?2
            """, [now.nanosecondsSinceEpoch, limit]
        ).map(StoredAlert.init)
    }

    /// Returns the latest alert of a rule and device of which users were notified, or `nil` if there is none: its
    /// number in the order of alerts, and the time of the latest notification.
    package func lastAnnounced(
        rule: String, room: String, device: String
    ) throws -> (number: Int64, notifiedAt: Timestamp)? {
        try row(
            """
            SELECT number, coalesce(told_at, fired_at, pending_at) FROM alert
            WHERE rule = ? AND room = ? AND device = ? AND announced = 1 ORDER BY number DESC LIMIT 1
            """, [rule, room, device]
        ).map { ($0[0], Timestamp(nanosecondsSinceEpoch: $0[1])) }
    }

    /// Returns the number of alerts of a rule and device that began after the alert `number` and of which users were
    /// not notified.
    package func unannouncedCount(rule: String, room: String, device: String, after number: Int64) throws -> Int {
        try row(
            """
            SELECT count(*) FROM alert
            WHERE rule = ? AND room = ? AND device = ? AND announced = 0 AND number > ?
            """, [rule, room, device, number])?[0] ?? 0
    }

    /// Returns the alert with that id, or `nil` if there is none.
    package func alert(_ alertID: String) throws -> StoredAlert? {
        try row("\(Self.alerts) WHERE alert_id = ?", [alertID]).map(StoredAlert.init)
    }

    /// Returns the alerts that match a query, latest first.
    package func alerts(_ query: AlertQuery) throws -> [StoredAlert] {
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ condition: String, _ values: any DatabaseValueConvertible...) {
            conditions.append(condition)
            arguments += values
        }
        if !query.states.isEmpty {
            // The states come from a closed set of words, so they need no escaping.
            conditions.append("state IN (\(query.states.map { "'\($0.rawValue)'" }.joined(separator: ", ")))")
        }
        if let device = query.device { add("alert.device = ?", device) }
        if let room = query.room { add("alert.room = ?", room) }
        if let rule = query.rule { add("alert.rule = ?", rule) }
        if let range = query.range {
            add("pending_at < ?", range.upperBound.nanosecondsSinceEpoch)
            add("(resolved_at IS NULL OR resolved_at >= ?)", range.lowerBound.nanosecondsSinceEpoch)
        }
        if let before = query.before {
            add("number < coalesce((SELECT number FROM alert WHERE alert_id = ?), 0)", before)
        }
        let filter = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        arguments.append(query.limit)
        return try rows("\(Self.alerts)\(filter) ORDER BY number DESC LIMIT ?", StatementArguments(arguments))
            .map(StoredAlert.init)
    }

    /// Returns the time until which alerts of that rule and device are silenced, which may be in the past; `nil` if
    /// there is no silence.
    package func silence(rule: String, room: String, device: String) throws -> Timestamp? {
        let until: Int64? = try row(
            "SELECT until FROM alert_silence WHERE rule = ? AND room = ? AND device = ?", [rule, room, device])?[0]
        return until.map(Timestamp.init(nanosecondsSinceEpoch:))
    }
}
