import Core
import Foundation
import GRDB
import Storage
import Telemetry
import Testing

@testable import Services

/// Storage trouble ends only when a batch fits again.
@Suite("The storage's health")
struct StorageHealthTests {
    private let ingest: IngestFixture

    init() throws {
        ingest = try IngestFixture()
    }

    private func fail() {
        ingest.writer.health.failed(StorageError(DatabaseError(resultCode: .SQLITE_FULL)))
    }

    private func say(_ id: String, fails: (any Error)? = nil) async throws {
        try await ingest.writer.submit(byteCount: 10) { transaction in
            _ = try transaction.append(
                to: "chat", messageID: id, type: "chat_message", payload: Array("{}".utf8),
                at: Timestamp(nanosecondsSinceEpoch: 0))
            if let fails { throw fails }
            return DatabaseWriter.Effect(())
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

    @Test("What is damaged on the disk is told when it is read, and stays so until the gateway starts again")
    func damage() async throws {
        for number in 1...300 { try await say("\(number)") }
        func read() async throws {
            _ = try await ingest.database.read { try $0.messages(in: "chat", after: 0, limit: 999) }
        }
        try await read()
        #expect(ingest.writer.health.unreadable == nil)
        // The reader's cached pages stay valid until something is written.
        try await say("last")
        try await ingest.database.checkpoint()
        let file = try FileHandle(forUpdating: URL(filePath: "\(ingest.directory)/\(Storage.Database.fileName)"))
        let half = try file.seekToEnd() / 2
        try file.seek(toOffset: half)
        try file.write(contentsOf: Data(repeating: 0xAB, count: Int(half)))
        try file.close()
        await #expect(throws: DatabaseError.self) { try await read() }
        #expect(ingest.writer.health.unreadable?.reason == "the database is damaged")
        ingest.writer.health.succeeded()
        #expect(ingest.writer.health.unreadable != nil)
        #expect(await !ingest.database.isIntact())
    }

    @Test("Reading that fails for a moment, or for the reader's own mistake, is no damage")
    func passingFailures() async throws {
        for code in [ResultCode.SQLITE_BUSY, .SQLITE_ERROR, .SQLITE_NOMEM, .SQLITE_IOERR, .SQLITE_IOERR_NOMEM] {
            _ = try? await ingest.database.read { _ in throw DatabaseError(resultCode: code) }
        }
        #expect(ingest.writer.health.unreadable == nil)
    }

    @Test("A disk that failed once and reads the whole file again is no damage any more")
    func passingDisk() async throws {
        try await say("a")
        _ = try? await ingest.database.read { _ in throw DatabaseError(resultCode: .SQLITE_IOERR_READ) }
        #expect(ingest.writer.health.unreadable != nil)
        #expect(await ingest.database.isIntact())
        ingest.writer.health.foundIntact()
        #expect(ingest.writer.health.unreadable == nil)
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
