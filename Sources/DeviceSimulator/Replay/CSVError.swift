/// Why a CSV cannot be replayed: where, and what is allowed.
struct CSVError: Error, Hashable, Sendable {
    /// The line of the file, counted from 1; `nil` when it is about the file as a whole.
    var line: Int?
    /// The name of the column; `nil` when it is about no single one.
    var column: String?
    var problem: String
}
