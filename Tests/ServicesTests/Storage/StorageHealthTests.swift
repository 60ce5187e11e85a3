import Core
import Foundation
import GRDB
import Storage
import Telemetry
import Testing

@testable import Services

/// Storage trouble ends only when a batch fits again.
@Suite("Storage health")
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

    @Test("A small write does not end a storage failure; a probe does, and leaves no data")
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

    @Test("Damage found by a read is reported until the database is found intact")
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

    @Test("A read that fails temporarily, or by its own fault, is not reported as damage")
    func passingFailures() async throws {
        for code in [ResultCode.SQLITE_BUSY, .SQLITE_ERROR, .SQLITE_NOMEM, .SQLITE_IOERR, .SQLITE_IOERR_NOMEM] {
            _ = try? await ingest.database.read { _ in throw DatabaseError(resultCode: code) }
        }
        #expect(ingest.writer.health.unreadable == nil)
    }

    @Test("A read error is no longer reported once the whole file was read successfully")
    func passingDisk() async throws {
        try await say("a")
        _ = try? await ingest.database.read { _ in throw DatabaseError(resultCode: .SQLITE_IOERR_READ) }
        #expect(ingest.writer.health.unreadable != nil)
        #expect(await ingest.database.isIntact())
        ingest.writer.health.foundIntact()
        #expect(ingest.writer.health.unreadable == nil)
    }

    @Test("A request that fails because of storage reports a failure; one that fails by its own fault does not")
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
