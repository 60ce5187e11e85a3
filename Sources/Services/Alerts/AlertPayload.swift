import AlertRules
import Core
package import Storage

/// JSON encodings of alerts for the page, rooms and webhooks.
package enum AlertPayload {
    /// Returns the alert as a JSON object.
    package static func object(_ alert: StoredAlert) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("alert_id", alert.alertID)
        object.add("rule", alert.rule)
        object.add("title", alert.title)
        object.add("severity", alert.severity)
        object.add("state", alert.state.rawValue)
        object.add("device", alert.device)
        object.add("room_id", alert.room)
        object.add("metric", alert.metric)
        if let unit = alert.unit { object.add("unit", unit) }
        if let value = alert.value { object.add("value", value) }
        object.add("condition", alert.condition)
        object.add("message", alert.message)
        object.add("pending_at", time: alert.pendingAt)
        if let time = alert.firedAt { object.add("fired_at", time: time) }
        if let time = alert.resolvedAt { object.add("resolved_at", time: time) }
        if let time = alert.acknowledgedAt { object.add("acknowledged_at", time: time) }
        if let user = alert.acknowledgedBy { object.add("acknowledged_by", user.rawValue) }
        if let time = alert.silencedUntil { object.add("silenced_until", time: time) }
        if let trace = alert.traceID { object.add("trace_id", trace) }
        if alert.suppressedCount > 0 { object.add("suppressed", alert.suppressedCount) }
        return object.finished()
    }

    /// Returns a limit as `{"above":30,"severity":"warning"}`.
    static func object(_ limit: AlertLimit) -> [UInt8] {
        var object = JSONObjectBuilder()
        switch limit.side {
        case .above: object.add("above", limit.value)
        case .below: object.add("below", limit.value)
        }
        object.add("severity", limit.severity.rawValue)
        return object.finished()
    }

    /// Returns the payload of an `alert` message in `room`.
    static func message(_ alert: StoredAlert, in room: String) -> [UInt8] {
        var payload = JSONObjectBuilder()
        payload.add("room_id", room)
        payload.add("alert", object: object(alert))
        return payload.finished()
    }

    /// Returns the body of a webhook event.
    static func event(_ kind: String, id: String, _ alert: StoredAlert, at now: Timestamp) -> [UInt8] {
        var payload = JSONObjectBuilder()
        payload.add("event_id", id)
        payload.add("event", "alert.\(kind)")
        payload.add("created_at", time: now)
        payload.add("alert", object: object(alert))
        return payload.finished()
    }
}
