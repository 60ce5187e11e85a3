/// The tables of a backup that are written row by row, column by column. Readings and rooms' messages have forms of
/// their own, because they name their series and rooms by numbers that another database does not have.
enum BackupTable: String, CaseIterable {
    case device
    case user
    case notification
    case alert
    case silence = "alert_silence"
    case deadLetter = "dead_letter"

    /// Columns that number rows within one database.
    static let ownColumns: Set<String> = ["id", "number"]
}
