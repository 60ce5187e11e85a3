import GRDB
import Storage
import Testing

/// The cause of a failed transaction decides whether a batch is retried forever or split to isolate one message.
@Suite("Why a transaction failed")
struct StorageErrorTests {
    private struct Unknown: Error {}

    @Test(
        "The storage is at fault where any write would fail just so",
        arguments: [
            ResultCode.SQLITE_FULL, .SQLITE_BUSY, .SQLITE_IOERR, .SQLITE_CORRUPT, .SQLITE_READONLY, .SQLITE_NOMEM,
        ])
    func storage(code: ResultCode) {
        #expect(StorageError(DatabaseError(resultCode: code)).isStorageAtFault)
    }

    @Test("What a row breaks, and what is no error of the database, is about the message")
    func message() {
        #expect(!StorageError(DatabaseError(resultCode: .SQLITE_CONSTRAINT)).isStorageAtFault)
        #expect(!StorageError(DatabaseError(resultCode: .SQLITE_TOOBIG)).isStorageAtFault)
        #expect(!StorageError(Unknown()).isStorageAtFault)
    }
}
