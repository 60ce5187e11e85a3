import GRDB

/// Why the database cannot be used; names the file.
package struct StorageError: Error, Equatable, CustomStringConvertible {
    package enum Problem: Sendable, Equatable {
        /// A later version of the program has changed the schema.
        case newer
        /// An earlier version has made it, and only a gateway brings it up to date.
        case older
        /// Another gateway has it.
        case inUse
        /// There is none.
        case missing
        /// Not a database, or a damaged one.
        case damaged
        /// Anything else, in SQLite's or the system's words.
        case unusable(String)
    }

    package let file: String
    package let problem: Problem

    package init(file: String, problem: Problem) {
        self.file = file
        self.problem = problem
    }

    init(file: String, _ error: any Error) {
        self.file = file
        switch (error as? DatabaseError)?.resultCode {
        case .some(.SQLITE_NOTADB), .some(.SQLITE_CORRUPT): problem = .damaged
        default: problem = .unusable("\(error)")
        }
    }

    package var description: String {
        switch problem {
        case .inUse:
            "Another gateway uses this data directory (\(file)). One directory is for one gateway: stop the other, or name "
                + "another directory."
        case .missing: "There is no database \(file)."
        case .newer:
            "The database \(file) was made by a newer version of Windsock. It was left as it is: start that version, "
                + "or name another data directory."
        case .older:
            "The database \(file) was made by an older version of Windsock, which may be serving it. It was left as it "
                + "is: use that version's windsock, or start a gateway of this version first, which brings it up to date."
        case .damaged:
            "The database \(file) is damaged or not a SQLite database. It was left as it is: restore a backup, or move "
                + "it away to start with an empty one."
        case .unusable(let reason): "The database \(file) cannot be used: \(reason)."
        }
    }
}
