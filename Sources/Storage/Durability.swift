/// What a commit survives; the words of the setting `storage.durability`.
package enum Durability: String, Sendable, CaseIterable {
    /// A power cut: every commit waits for the disk (`synchronous=FULL`).
    case full
    /// The end of the process in any way; a power cut may take the last commits, never the database
    /// (`synchronous=NORMAL`).
    case normal
    /// The end of the process, as long as the system goes on; a power cut may damage the database (`synchronous=OFF`).
    case off

    /// The value of `PRAGMA synchronous`.
    var pragma: String {
        switch self {
        case .full: "FULL"
        case .normal: "NORMAL"
        case .off: "OFF"
        }
    }
}
