/// Why a handshake is not upgraded: the status that the router then answers with, and what to do about it.
package struct UpgradeRefusal: Equatable, Sendable {
    /// Carries the refusal from the gate to the router; taken off whatever comes from outside.
    package static let headerName = "windsock-upgrade-refusal"

    package let status: Int
    package let detail: String

    package init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    /// As a header's value.
    package var headerValue: String { "\(status) \(detail)" }

    /// Reads ``headerValue`` back.
    package init?(headerValue: String) {
        guard let status = Int(headerValue.prefix(3)) else { return nil }
        self.init(status, String(headerValue.dropFirst(4)))
    }
}
