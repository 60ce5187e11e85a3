package import Core
import Foundation
import OpenSSL

/// The validated content of a notification.
package struct NotificationDraft: Sendable, Equatable {
    /// The priority, which determines how the web page displays the notification.
    package enum Priority: String, Sendable, CaseIterable {
        case low, normal, high, critical
    }

    package static let maxTitleBytes = 400
    package static let maxBodyBytes = 8000
    package static let maxLinkBytes = 2000

    package let title: String
    package let body: String
    /// An `http:` or `https:` URL, or a path on the page's own origin.
    package let link: String?
    package let priority: Priority
    package let expiresAt: Timestamp?
    /// For an alert: the number of unannounced alerts of the same rule and device since the last announced one.
    var suppressedCount = 0

    /// Creates a draft if the lengths and the link are valid.
    ///
    /// - Throws: ``RequestError`` (`invalid`) with the field and what is allowed.
    package init(
        title: String, body: String = "", link: String? = nil, priority: Priority = .normal,
        expiresAt: Timestamp? = nil
    ) throws(RequestError) {
        guard !title.isEmpty, title.utf8.count <= Self.maxTitleBytes else {
            throw RequestError(
                .invalid, "\"title\" has \(title.utf8.count) bytes; allowed: 1 to \(Self.maxTitleBytes).")
        }
        guard body.utf8.count <= Self.maxBodyBytes else {
            throw RequestError(
                .invalid, "\"body\" has \(body.utf8.count) bytes; allowed: at most \(Self.maxBodyBytes).")
        }
        if let link, !Self.isSafe(link) {
            throw RequestError(
                .invalid,
                "\"link\" is not a valid link; allowed: an http:// or https:// URL, or a path such as /greenhouse, of "
                    + "at most \(Self.maxLinkBytes) bytes.")
        }
        self.title = title
        self.body = body
        self.link = link
        self.priority = priority
        self.expiresAt = expiresAt
    }

    /// Returns true when a page may follow the link: not a script, and not a foreign origin disguised as a path (`//`,
    /// `/\`).
    static func isSafe(_ link: String) -> Bool {
        guard link.utf8.count <= maxLinkBytes,
            !link.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F })
        else { return false }
        if link.hasPrefix("/") { return !link.hasPrefix("//") && !link.contains("\\") }
        guard let url = URL(string: link), let host = url.host, !host.isEmpty else { return false }
        return url.scheme?.lowercased() == "http" || url.scheme?.lowercased() == "https"
    }
}

/// Wire format of notifications, and the digest for idempotency keys.
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

    /// Returns the payload of a stored notification for a client that has just connected, with `"snapshot":true` added.
    static func snapshot(_ payload: [UInt8]) -> [UInt8] {
        payload.dropLast() + Array(",\"snapshot\":true}".utf8)
    }

    /// Returns a digest of everything the sender specified. A retry of the same notification has the same digest.
    static func digest(of draft: NotificationDraft, _ users: [UserID]) -> [UInt8] {
        let expiry = draft.expiresAt.map { "\($0.nanosecondsSinceEpoch)" } ?? ""
        let parts =
            [draft.title, draft.body, draft.link ?? "", draft.priority.rawValue, expiry] + users.map(\.rawValue)
        return Digest.sha256.hash(parts.map { "\($0.utf8.count):\($0)" }.joined().utf8)
    }
}
