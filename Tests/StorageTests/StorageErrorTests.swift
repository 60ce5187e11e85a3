import GRDB
import Storage
import Testing

/// The cause of a failed transaction decides whether a batch is retried forever or split to isolate one message.
@Suite("Classification of failed transactions")
struct StorageErrorTests {
    private struct Unknown: Error {}

    @Test(
        "Storage is at fault if any write would fail the same way",
        arguments: [
            ResultCode.SQLITE_FULL, .SQLITE_BUSY, .SQLITE_IOERR, .SQLITE_CORRUPT, .SQLITE_READONLY, .SQLITE_NOMEM,
        ])
    func storage(code: ResultCode) {
        #expect(StorageError(DatabaseError(resultCode: code)).isStorageAtFault)
    }

    @Test("Violated constraints and errors outside of the database are the message's fault")
    func message() {
        #expect(!StorageError(DatabaseError(resultCode: .SQLITE_CONSTRAINT)).isStorageAtFault)
        #expect(!StorageError(DatabaseError(resultCode: .SQLITE_TOOBIG)).isStorageAtFault)
        #expect(!StorageError(Unknown()).isStorageAtFault)
    }
}
