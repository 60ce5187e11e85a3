import GRDB

/// An error of the database or of a backup. The description names the file or the line.
package enum StorageError: Error, Equatable, CustomStringConvertible {
    /// The reason why a database cannot be opened.
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

    /// The database cannot be opened.
    case notOpened(file: String, Problem)
    /// A transaction or read failed, and any other would have failed as well: disk full, I/O error, lock, damaged file.
    /// A retry may help, but not against damage to the file or its disk.
    case failed(String, isDamage: Bool = false)
    /// A transaction failed because of the data to write, or of a bug in handling them. A retry does not help.
    case rejected(String)
    /// A backup file cannot be written.
    case notWritten(file: String, reason: String)
    /// A line of a backup is invalid.
    case invalidLine(Int, problem: String)

    /// True when the storage failed, rather than the data that were written.
    package var isStorageAtFault: Bool {
        if case .failed = self { true } else { false }
    }

    /// True when the file or its disk may be at fault, so that the same read would fail again.
    package var isDamage: Bool {
        if case .failed(_, isDamage: true) = self { true } else { false }
    }

    /// Failures to open a database or to write a file are full sentences. The others are parts of sentences, without a
    /// full stop.
    package var description: String {
        switch self {
        case .notOpened(let file, let problem): problem.description(of: file)
        case .failed(let reason, _), .rejected(let reason): reason
        case .notWritten(let file, let reason): "The file \(file) cannot be written: \(reason)."
        case .invalidLine(let number, let problem): "line \(number): \(problem)"
        }
    }
}

extension StorageError {
    /// Creates the error of opening a database from the error that GRDB or the system threw.
    init(opening file: String, _ error: any Error) {
        switch (error as? DatabaseError)?.resultCode {
        case .some(.SQLITE_NOTADB), .some(.SQLITE_CORRUPT): self = .notOpened(file: file, .damaged)
        default: self = .notOpened(file: file, .unusable("\(error)"))
        }
    }

    /// Creates the error of a transaction or read from any error that it threw. An error that does not come from the
    /// database is never the storage's fault, because a retry does not help against a bug in handling one message.
    package init(_ error: any Error) {
        if let error = error as? Self {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self = .rejected("\(error)")
            return
        }
        self =
            switch error.resultCode {
            case .SQLITE_FULL: .failed("the disk is full")
            case .SQLITE_BUSY, .SQLITE_LOCKED: .failed("the database is locked by another process")
            case .SQLITE_IOERR, .SQLITE_CANTOPEN:
                .failed(
                    "reading or writing the disk failed (\(error.extendedResultCode))",
                    isDamage: Self.unreadable.contains(error.extendedResultCode))
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: .failed("the database is not writable")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: .failed("the database is damaged", isDamage: true)
            case .SQLITE_NOMEM: .failed("out of memory")
            case .SQLITE_MISUSE, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_PROTOCOL, .SQLITE_INTERNAL:
                .failed("the database failed (\(error.extendedResultCode))")
            default: .rejected(error.message ?? "\(error.extendedResultCode)")
            }
    }

    /// The I/O errors of damaged disks and file systems.
    private static let unreadable: [ResultCode] = [
        .SQLITE_IOERR_READ, .SQLITE_IOERR_SHORT_READ, .SQLITE_IOERR_CORRUPTFS, .SQLITE_IOERR_DATA,
    ]
}

extension StorageError.Problem {
    fileprivate func description(of file: String) -> String {
        switch self {
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
