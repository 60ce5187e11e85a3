/// What a backup holds, or an import took.
package struct BackupTotals: Sendable, Equatable {
    /// Values of readings.
    package var values = 0
    /// Rows of everything else.
    package var rows = 0
    /// Lines that were there before, or whose room has a history of its own.
    package var skipped = 0
    /// Values that are older than readings may become.
    package var outdated = 0

    package init() {}
}
