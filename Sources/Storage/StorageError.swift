import GRDB

/// An error in opening the database. Names the file.
package struct StorageError: Error, Equatable, CustomStringConvertible {
    package enum Problem: Sendable, Equatable {
        /// The schema was changed by a later version of the program.
        case newer
        /// The schema is of an earlier version. Only a gateway migrates it.
        case older
        /// Another gateway uses the database.
        case inUse
        /// The file does not exist.
        case missing
        /// The file is damaged or not a database.
        case damaged
        /// Any other problem, as described by SQLite or the system.
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
            "Another gateway uses this data directory (\(file)). Stop the other gateway, or choose another directory."
        case .missing: "The database \(file) does not exist."
        case .newer:
            "The database \(file) was created by a newer version of Windsock. It was not changed: start that version, "
                + "or choose another data directory."
        case .older:
            "The database \(file) was created by an older version of Windsock, which may still use it. It was not "
                + "changed: use windsock of that version, or start a gateway of this version first, which migrates it."
        case .damaged:
            "The database \(file) is damaged or not a SQLite database. It was not changed: restore a backup, or move "
                + "the file away to start with an empty database."
        case .unusable(let reason): "The database \(file) cannot be used: \(reason)."
        }
    }
}

/// The cause of a failed transaction: either the storage, in which case a retry may help, or the data that was written.
package struct StorageFailure: Error, Equatable, CustomStringConvertible {
    /// True when any other write would have failed as well: disk full, I/O error, lock, damaged file. Errors that do
    /// not come from the database never count, because a retry does not help against a bug in handling one message.
    package let isStorageAtFault: Bool
    /// True when the file or its disk may be at fault, so that the same read would fail again.
    package let isDamage: Bool
    /// A description for people, without a final full stop.
    package let description: String

    package init(_ error: any Error) {
        if let failure = error as? Self {
            self = failure
            return
        }
        let code = (error as? DatabaseError)?.resultCode
        isDamage =
            switch (error as? DatabaseError)?.extendedResultCode {
            case .SQLITE_IOERR_READ?, .SQLITE_IOERR_SHORT_READ?, .SQLITE_IOERR_CORRUPTFS?, .SQLITE_IOERR_DATA?: true
            default: code == .SQLITE_CORRUPT || code == .SQLITE_NOTADB
            }
        if let gone = error as? FileIdentity.Gone {
            isStorageAtFault = true
            description = "\(gone.path) was removed or replaced; put it back, or restart the gateway"
            return
        }
        guard let error = error as? DatabaseError else {
            isStorageAtFault = false
            description = "\(error)"
            return
        }
        switch error.resultCode {
        case .SQLITE_FULL:
            isStorageAtFault = true
            description = "the disk is full"
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            isStorageAtFault = true
            description = "the database is locked by another process"
        case .SQLITE_IOERR, .SQLITE_CANTOPEN:
            isStorageAtFault = true
            description = "reading or writing the disk failed (\(error.extendedResultCode))"
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            isStorageAtFault = true
            description = "the database is not writable"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            isStorageAtFault = true
            description = "the database is damaged"
        case .SQLITE_NOMEM:
            isStorageAtFault = true
            description = "out of memory"
        case .SQLITE_MISUSE, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_PROTOCOL, .SQLITE_INTERNAL:
            isStorageAtFault = true
            description = "the database failed (\(error.extendedResultCode))"
        default:
            isStorageAtFault = false
            description = error.message ?? "\(error.extendedResultCode)"
        }
    }
}
