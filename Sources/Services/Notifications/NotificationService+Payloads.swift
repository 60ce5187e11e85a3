import Crypto
import Telemetry

/// What goes over the wire.
extension NotificationService {
    static func payload(of draft: NotificationDraft, id: String, at now: Timestamp) -> [UInt8] {
        var payload = JSONObjectBuilder()
        payload.add("notification_id", id)
        payload.add("title", draft.title)
        payload.add("body", draft.body)
        if let link = draft.link { payload.add("link", link) }
        payload.add("priority", draft.priority.rawValue)
        payload.add("created_at", time: now)
        if let expiry = draft.expiresAt { payload.add("expires_at", time: expiry) }
        if draft.suppressedCount > 0 { payload.add("suppressed", draft.suppressedCount) }
        return payload.finished()
    }

    static func payload(of selection: Selection, unread: Int) -> [UInt8] {
        var payload = JSONObjectBuilder()
        switch selection {
        case .one(let id): payload.add("notification_ids", array: [id])
        case .all: payload.add("all", true)
        }
        payload.add("unread", unread)
        return payload.finished()
    }

    /// The payload of a notification that is told again: `"snapshot":true` added.
    static func snapshot(_ payload: [UInt8]) -> [UInt8] {
        payload.dropLast() + Array(",\"snapshot\":true}".utf8)
    }

    /// A digest of everything that the sender says: equal for a notification that is sent again.
    static func digest(of draft: NotificationDraft, _ users: [String]) -> [UInt8] {
        let expiry = draft.expiresAt.map { "\($0.nanosecondsSinceEpoch)" } ?? ""
        let parts = [draft.title, draft.body, draft.link ?? "", draft.priority.rawValue, expiry] + users
        return Array(SHA256.hash(data: Array(parts.map { "\($0.utf8.count):\($0)" }.joined().utf8)))
    }
}
