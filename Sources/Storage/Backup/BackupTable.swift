/// The tables of a backup that are written row by row, column by column. Readings and rooms' messages have forms of
/// their own, because they name their series and rooms by numbers that another database does not have.
enum BackupTable: String, CaseIterable {
    case device
    case user
    case notification
    case alert
    case silence = "alert_silence"
    case deadLetter = "dead_letter"

    /// Columns that mean something within one database only.
    static let ownColumns: Set<String> = ["id", "number", "due_at"]

    /// The primary key: in its order the table is read page by page.
    var key: [String] {
        switch self {
        case .device: ["room", "name"]
        case .user: ["name"]
        case .notification: ["user", "sequence"]
        case .alert: ["number"]
        case .silence: ["rule", "room", "device"]
        case .deadLetter: ["id"]
        }
    }

    /// What makes a row the same as one that is there already.
    var identity: [String] {
        switch self {
        case .device, .user, .silence: key
        case .notification: ["user", "notification_id"]
        case .alert: ["alert_id"]
        case .deadLetter: ["topic", "reason"]
        }
    }
}
