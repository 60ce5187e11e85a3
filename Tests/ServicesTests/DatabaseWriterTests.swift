import Core
import Foundation
import NIOEmbedded
import Realtime
import Storage
import TestSupport
import Testing

@testable import Services

/// The room writer commits first, publishes in commit order, and acknowledges last. Failed commits publish nothing.
@Suite("Database writer")
final class DatabaseWriterTests {
    private let fixture = StreamFixture()
    private let directory = FileManager.default.temporaryDirectory.appending(path: "windsock-writer-\(UUID())").path
    private let database: Database
    private let writer: DatabaseWriter
    private let log = Log()

    private final class Log: Sendable {
        let notes = Lock<[String]>([])
        func note(_ text: String) { notes.withLock { $0.append(text) } }
    }

    init() throws {
        database = try Database(directory: directory)
        writer = DatabaseWriter(database: database, hub: fixture.hub, logger: .silent)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private var notes: [String] { log.notes.withLock { $0 } }

    private func submit(_ name: String, fails: (any Error)? = nil) {
        writer.submit(byteCount: 10) { [log] transaction in
            log.note("work \(name)")
            let offset = try transaction.append(
                to: "chat", messageID: name, type: "chat_message", payload: Array("{}".utf8),
                at: Timestamp(nanosecondsSinceEpoch: 0))
            if let fails { throw fails }
            return DatabaseWriter.Effect(offset)
        } completion: { [log] result in
            switch result {
            case .success(let offset): log.note("\(name) \(offset)")
            case .failure(let error): log.note("\(name) \(error.kind)")
            }
        }
    }

    @Test("Writes run in order, and one that fails does not affect the others")
    func order() async throws {
        submit("a")
        submit("b", fails: RequestError(.conflict, "no"))
        submit("c", fails: CancellationError())
        submit("d")
        await writer.close()
        #expect(notes.filter { !$0.hasPrefix("work") } == ["a 1", "b conflict", "c storage", "d 2"])
        let stored = try await database.read { try $0.messages(in: "chat", after: 0, limit: 9).map(\.messageID) }
        #expect(stored == ["a", "d"])
    }

    @Test("When the commit fails, every write fails and nothing is published")
    func failure() async throws {
        try database.close()
        submit("a")
        submit("b")
        await writer.close()
        #expect(notes == ["a storage", "b storage"])
    }

    @Test("Writes beyond the limit and writes after closing are rejected at once")
    func limits() async throws {
        let gate = DispatchSemaphore(value: 0)
        writer.submit(byteCount: 1) { _ in
            gate.wait()
            return DatabaseWriter.Effect(())
        } completion: { _ in
        }
        while writer.waitingCount > 0 { await Task.yield() }
        writer.submit(byteCount: DatabaseWriter.maxWaitingBytes) { _ in
            DatabaseWriter.Effect(())
        } completion: { _ in
        }
        submit("b")
        #expect(notes == ["b overloaded"])
        gate.signal()
        await writer.close()
        submit("c")
        #expect(notes == ["b overloaded", "c overloaded"])
    }
}
