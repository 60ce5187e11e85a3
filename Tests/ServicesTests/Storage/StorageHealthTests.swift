import GRDB
import Storage
import Telemetry
import Testing

@testable import Services

/// Trouble ends when there is room for a batch again, and not before.
@Suite("The storage's health")
struct StorageHealthTests {
    private let ingest: IngestFixture

    init() throws {
        ingest = try IngestFixture()
    }

    private func fail() {
        ingest.writer.health.failed(StorageFailure(DatabaseError(resultCode: .SQLITE_FULL)))
    }

    private func say(_ id: String, fails: (any Error)? = nil) async throws {
        try await ingest.writer.submit(byteCount: 10) { transaction in
            _ = try transaction.append(
                to: "chat", messageID: id, type: "chat_message", payload: Array("{}".utf8),
                at: Timestamp(nanosecondsSinceEpoch: 0))
            if let fails { throw fails }
            return RoomWriter.Effect(())
        }
    }

    @Test("A small write between two failures does not end it; a probe does, and leaves nothing")
    func smallWrites() async throws {
        fail()
        try await say("a")
        #expect(ingest.writer.health.trouble?.reason == "the disk is full")
        await #expect(throws: RequestError.self) { try await say("b", fails: RequestError(.conflict, "no")) }
        #expect(ingest.writer.health.trouble != nil)
        await ingest.writer.probe()
        #expect(ingest.writer.health.trouble == nil)
        #expect(try await ingest.database.read { try $0.messages(in: "chat", after: 0, limit: 9).count } == 1)
    }

    @Test("A request that the storage fails tells of it; one that is refused for itself does not")
    func requests() async throws {
        await #expect(throws: RequestError.self) {
            try await say("a", fails: DatabaseError(resultCode: .SQLITE_CONSTRAINT))
        }
        #expect(ingest.writer.health.trouble == nil)
        await #expect(throws: RequestError.self) {
            try await say("b", fails: DatabaseError(resultCode: .SQLITE_FULL))
        }
        #expect(ingest.writer.health.trouble?.reason == "the disk is full")
    }
}
