import GRDB
package import Telemetry

extension StorageSnapshot {
    private static let alerts = """
        SELECT \(StoredAlert.columns) FROM alert LEFT JOIN alert_silence AS silence
        ON silence.rule = alert.rule AND silence.room = alert.room AND silence.device = alert.device
        """

    /// Alerts that are not over, in the order in which they began.
    package func activeAlerts() throws -> [StoredAlert] {
        try rows("\(Self.alerts) WHERE state <> 'resolved' ORDER BY number").map(StoredAlert.init)
    }

    /// Alerts that fire and that nobody was told of, nor acknowledged, and that are to be told now: no silence covers
    /// them any more, and enough time has passed since people were told of another of the same rule and device.
    package func unannouncedAlerts(at now: Timestamp, limit: Int) throws -> [StoredAlert] {
        try rows(
            """
            \(Self.alerts) WHERE state = 'firing' AND announced = 0 AND due_at <= ?1 AND acknowledged_at IS NULL
            AND coalesce(until, 0) <= ?1 ORDER BY due_at, number LIMIT ?2
            """, [now.nanosecondsSinceEpoch, limit]
        ).map(StoredAlert.init)
    }

    /// The latest alert of that rule and device of which people were told; `nil` when they never were.
    package func lastAnnounced(
        rule: String, room: String, device: String
    ) throws -> (number: Int64, toldAt: Timestamp)? {
        try row(
            """
            SELECT number, coalesce(told_at, fired_at, pending_at) FROM alert
            WHERE rule = ? AND room = ? AND device = ? AND announced = 1 ORDER BY number DESC LIMIT 1
            """, [rule, room, device]
        ).map { ($0[0], Timestamp(nanosecondsSinceEpoch: $0[1])) }
    }

    /// Counts the alerts of that rule and device after the one of that number of which people were not told.
    package func unannouncedCount(rule: String, room: String, device: String, after number: Int64) throws -> Int {
        try row(
            """
            SELECT count(*) FROM alert
            WHERE rule = ? AND room = ? AND device = ? AND announced = 0 AND number > ?
            """, [rule, room, device, number])?[0] ?? 0
    }

    /// The alert with that id.
    package func alert(_ alertID: String) throws -> StoredAlert? {
        try row("\(Self.alerts) WHERE alert_id = ?", [alertID]).map(StoredAlert.init)
    }

    /// The alerts that a query names, the latest first.
    package func alerts(_ query: AlertQuery) throws -> [StoredAlert] {
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        func add(_ condition: String, _ values: any DatabaseValueConvertible...) {
            conditions.append(condition)
            arguments += values
        }
        if !query.states.isEmpty {
            // From a closed list of words: nothing of them needs escaping.
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

    /// Until when nobody is told of that rule's alerts of that device.
    package func silence(rule: String, room: String, device: String) throws -> Timestamp? {
        let until: Int64? = try row(
            "SELECT until FROM alert_silence WHERE rule = ? AND room = ? AND device = ?", [rule, room, device])?[0]
        return until.map(Timestamp.init(nanosecondsSinceEpoch:))
    }
}
