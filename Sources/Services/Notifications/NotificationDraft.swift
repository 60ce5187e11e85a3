import Foundation
package import Telemetry

/// What somebody wants to tell users, checked.
package struct NotificationDraft: Sendable, Equatable {
    /// How much it matters; the page shows it accordingly.
    package enum Priority: String, Sendable, CaseIterable {
        case low, normal, high, critical
    }

    package static let maxTitleBytes = 400
    package static let maxBodyBytes = 8000
    package static let maxLinkBytes = 2000

    package let title: String
    package let body: String
    /// `http:`, `https:` or a path of the page's own origin.
    package let link: String?
    package let priority: Priority
    package let expiresAt: Timestamp?
    /// Of an alert: how many began before it that nobody was told of.
    var suppressedCount = 0

    /// Checks lengths and the link.
    ///
    /// - Throws: ``RequestError`` (`invalid`) naming the field and what is allowed.
    package init(
        title: String, body: String = "", link: String? = nil, priority: Priority = .normal,
        expiresAt: Timestamp? = nil
    ) throws(RequestError) {
        guard !title.isEmpty, title.utf8.count <= Self.maxTitleBytes else {
            throw RequestError(.invalid, "\"title\" must have 1 to \(Self.maxTitleBytes) bytes.")
        }
        guard body.utf8.count <= Self.maxBodyBytes else {
            throw RequestError(.invalid, "\"body\" may have at most \(Self.maxBodyBytes) bytes.")
        }
        if let link, !Self.isSafe(link) {
            throw RequestError(
                .invalid,
                "\"link\" must begin with http:// or https://, or be a path such as /greenhouse, and have at most "
                    + "\(Self.maxLinkBytes) bytes.")
        }
        self.title = title
        self.body = body
        self.link = link
        self.priority = priority
        self.expiresAt = expiresAt
    }

    /// Whether a page may follow the link: no script, and no other origin in the guise of a path (`//`, `/\`).
    static func isSafe(_ link: String) -> Bool {
        guard link.utf8.count <= maxLinkBytes,
            !link.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F })
        else { return false }
        if link.hasPrefix("/") { return !link.hasPrefix("//") && !link.contains("\\") }
        guard let url = URL(string: link), let host = url.host, !host.isEmpty else { return false }
        return url.scheme?.lowercased() == "http" || url.scheme?.lowercased() == "https"
    }
}
