import GRDB

/// Why a transaction failed: because of the storage, so that trying again later may help, or because of what was
/// written.
package struct StorageFailure: Error, Equatable, CustomStringConvertible {
    /// Whether any other write would have failed just so: no space, an error of the disk, a lock, a damaged file. What
    /// is no error of the database never is: waiting does not help against a mistake of ours in one message.
    package let isStorageAtFault: Bool
    /// Whether the file or its disk is at fault, which does not pass.
    package let isDamage: Bool
    /// For people; without a dot.
    package let description: String

    package init(_ error: any Error) {
        if let failure = error as? Self {
            self = failure
            return
        }
        let code = (error as? DatabaseError)?.resultCode
        isDamage = code == .SQLITE_CORRUPT || code == .SQLITE_NOTADB || code == .SQLITE_IOERR
        if let gone = error as? FilePlace.Gone {
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
            description = "the disk cannot be written or read (\(error.extendedResultCode))"
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            isStorageAtFault = true
            description = "the database may not be written"
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            isStorageAtFault = true
            description = "the database is damaged"
        case .SQLITE_NOMEM:
            isStorageAtFault = true
            description = "there is not enough memory"
        case .SQLITE_MISUSE, .SQLITE_INTERRUPT, .SQLITE_ABORT, .SQLITE_PROTOCOL, .SQLITE_INTERNAL:
            isStorageAtFault = true
            description = "the database does not answer (\(error.extendedResultCode))"
        default:
            isStorageAtFault = false
            description = error.message ?? "\(error.extendedResultCode)"
        }
    }
}
