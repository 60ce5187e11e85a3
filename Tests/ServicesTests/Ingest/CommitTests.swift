import Core
import CoreMetrics
import Foundation
import GRDB
import MQTTTransport
import Storage
import Testing

@testable import Services

/// Nothing is acknowledged or published before its commit, and nothing committed is ingested twice. A message that the
/// database rejects does not block others.
@Suite("Commit before acknowledgement")
struct CommitTests {
    private static func message(
        _ id: UInt16, _ value: Double, device: String = "a", isDuplicate: Bool? = nil
    ) -> MQTTMessage {
        MQTTMessage(
            topic: "sensors/\(device)/t", payload: Array("\(value)".utf8), qos: .atLeastOnce, packetID: id,
            isDuplicate: isDuplicate)
    }

    private static func batch(_ messages: [MQTTMessage], resumed: Bool = false) -> MQTTBatch {
        MQTTBatch(messages: messages, isFirstAfterConnect: resumed, sessionPresent: resumed)
    }

    /// Makes the database reject readings with that value; its own schema rejects none.
    private static func refuse(_ value: Double, in ingest: IngestFixture) throws {
        let file = try DatabaseQueue(path: "\(ingest.directory)/\(Storage.Database.fileName)")
        try file.write {
            try $0.execute(
                sql: """
                    CREATE TRIGGER refused BEFORE INSERT ON reading WHEN NEW.value = \(value)
                    BEGIN SELECT RAISE(ABORT, 'no such value'); END
                    """)
        }
        try file.close()
    }

    /// Prevents or allows the deletion of recorded deliveries in the database.
    private static func setForgetting(_ isPossible: Bool, in ingest: IngestFixture) throws {
        let file = try DatabaseQueue(path: "\(ingest.directory)/\(Storage.Database.fileName)")
        let sql =
            isPossible
            ? "DROP TRIGGER kept"
            : "CREATE TRIGGER kept BEFORE DELETE ON delivery BEGIN SELECT RAISE(ABORT, 'not now'); END"
        try file.write { try $0.execute(sql: sql) }
        try file.close()
    }

    @Test("A redelivered clock request does not make the messages after it new")
    func clockRequest() throws {
        let ingest = try IngestFixture()
        let service = ClockService(answersPerSecond: 9, factory: NOOPMetricsHandler.instance) { _ in }
        let request = MQTTMessage(
            topic: "windsock/clock/a/request", payload: Array(#"{"id":"x","t0":12.5}"#.utf8), qos: .atLeastOnce,
            packetID: 1)
        let messages = [request, Self.message(2, 7)]
        let pipeline = ingest.pipeline(clockService: service)
        try pipeline.accept(Self.batch(messages))
        try pipeline.accept(Self.batch(messages, resumed: true))
        #expect(try ingest.values(of: "a") == [7])
        #expect(pipeline.totals.messages == 1)
    }

    @Test("After a restart with a resumed session, committed but unacknowledged messages are stored once")
    func restart() throws {
        let first = try IngestFixture()
        try first.pipeline().accept(Self.batch((1...3).map { Self.message($0, 7) }))
        try first.database.close()
        let second = try IngestFixture(directory: first.directory)
        try second.stream.join("sensors/#")
        _ = second.stream.received()
        let pipeline = second.pipeline()
        // All values are equal: only their position distinguishes them.
        try pipeline.accept(Self.batch((2...5).map { Self.message($0, 7) }, resumed: true))
        #expect(try second.values(of: "a") == [7, 7, 7, 7, 7])
        #expect(second.stream.receivedReadings().count == 2)
        #expect(pipeline.totals.readings == 2)
    }

    @Test("A new session starts without known deliveries: equal packet ids and values are new")
    func newSession() throws {
        let first = try IngestFixture()
        try first.pipeline().accept(Self.batch([Self.message(1, 7)]))
        try first.database.close()
        let second = try IngestFixture(directory: first.directory)
        second.pipeline().sessionStarted()
        // The gateway was killed before the session's first message. The next run finds the session but nothing to
        // compare.
        try second.database.close()
        let third = try IngestFixture(directory: first.directory)
        try third.pipeline().accept(Self.batch([Self.message(1, 7)], resumed: true))
        #expect(try third.values(of: "a") == [7, 7])
    }

    @Test("While the deliveries of the old session cannot be deleted, batches of the new session are rejected")
    func forgettingFails() throws {
        let ingest = try IngestFixture()
        let pipeline = ingest.pipeline()
        try pipeline.accept(Self.batch((1...3).map { Self.message($0, 7) }))
        try Self.setForgetting(false, in: ingest)
        pipeline.sessionStarted()
        #expect(throws: (any Error).self) { try pipeline.accept(Self.batch([Self.message(1, 7)])) }
        try Self.setForgetting(true, in: ingest)
        // The connection was dropped because of the failure. The session now exists and redelivers its messages.
        try pipeline.accept(Self.batch([Self.message(1, 7, isDuplicate: true), Self.message(2, 7)], resumed: true))
        #expect(try ingest.values(of: "a") == [7, 7, 7, 7, 7])
    }

    @Test("Deliveries of an old session that could not be deleted at once are deleted with the next batch")
    func forgettingIsMadeUpFor() throws {
        let first = try IngestFixture()
        let pipeline = first.pipeline()
        try pipeline.accept(Self.batch((1...3).map { Self.message($0, 7) }))
        try Self.setForgetting(false, in: first)
        pipeline.sessionStarted()
        try Self.setForgetting(true, in: first)
        try pipeline.accept(Self.batch([Self.message(1, 7)]))
        try first.database.close()
        let second = try IngestFixture(directory: first.directory)
        try second.pipeline().accept(Self.batch([Self.message(2, 7)], resumed: true))
        #expect(try second.values(of: "a") == [7, 7, 7, 7, 7], "1 was acknowledged, and 2 is new")
    }

    @Test("Reused packet ids of a killed broker are new messages unless flagged DUP, also after a restart")
    func brokerKilled() throws {
        let first = try IngestFixture()
        let pipeline = first.pipeline()
        try pipeline.accept(Self.batch((8...13).map { Self.message($0, 7) }))
        let again = [
            Self.message(8, 7, isDuplicate: true), Self.message(9, 7, isDuplicate: false), Self.message(10, 7),
        ]
        try pipeline.accept(Self.batch(again, resumed: true))
        #expect(try first.values(of: "a").count == 8, "8 was stored already")
        try first.database.close()
        let second = try IngestFixture(directory: first.directory)
        // 8 to 10 were not yet acknowledged, and 11 was in flight.
        let more = (8...11).map { Self.message($0, 7, isDuplicate: true) } + [Self.message(12, 7, isDuplicate: false)]
        try second.pipeline().accept(Self.batch(more, resumed: true))
        #expect(try second.values(of: "a").count == 10)
    }

    @Test("Each client id has its own known deliveries")
    func clients() throws {
        let ingest = try IngestFixture()
        try ingest.pipeline(clientID: "one").accept(Self.batch([Self.message(1, 7)]))
        try ingest.pipeline(clientID: "two").accept(Self.batch([Self.message(1, 7)], resumed: true))
        #expect(try ingest.values(of: "a") == [7, 7])
    }

    @Test("While storage fails, a batch is rejected as a whole, nothing is published, and the reason is reported")
    func failure() throws {
        let ingest = try IngestFixture()
        try ingest.stream.join("sensors/#")
        _ = ingest.stream.received()
        let pipeline = ingest.pipeline()
        try pipeline.accept(Self.batch([Self.message(1, 1)]))
        #expect(ingest.stream.receivedReadings().count == 1)
        #expect(ingest.writer.health.trouble == nil)
        try ingest.database.close()
        #expect(throws: (any Error).self) { try pipeline.accept(Self.batch([Self.message(2, 2)])) }
        #expect(ingest.stream.receivedReadings().isEmpty)
        #expect(ingest.writer.health.trouble != nil)
        #expect(pipeline.totals.readings == 1)
    }

    @Test("A lock held by another process rejects the batch, and the redelivered batch is stored")
    func locked() throws {
        let ingest = try IngestFixture()
        let pipeline = ingest.pipeline()
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(
            path: "\(ingest.directory)/\(Storage.Database.fileName)", configuration: configuration)
        try other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        #expect(throws: (any Error).self) { try pipeline.accept(Self.batch([Self.message(1, 1)])) }
        #expect(ingest.writer.health.trouble?.reason == "the database is locked by another process")
        try other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try pipeline.accept(Self.batch([Self.message(1, 1)], resumed: true))
        #expect(try ingest.values(of: "a") == [1])
        #expect(ingest.writer.health.trouble == nil)
    }

    @Test("A message that the database rejects becomes a dead letter, and the others are stored in order")
    func refused() throws {
        let ingest = try IngestFixture()
        try ingest.stream.join("sensors/#")
        _ = ingest.stream.received()
        try Self.refuse(13, in: ingest)
        let pipeline = ingest.pipeline()
        let values: [Double] = [1, 2, 13, 4, 13, 6, 7]
        try pipeline.accept(Self.batch(values.enumerated().map { Self.message(UInt16($0 + 1), $1) }))
        #expect(try ingest.values(of: "a") == [1, 2, 4, 6, 7])
        #expect(ingest.stream.receivedReadings().count == 5)
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 7, readings: 5, failures: 2))
        let letter = try #require(
            try ingest.database.read { try $0.deadLetters(before: nil, reason: nil, limit: 9) }.first)
        #expect(letter.reason == "not_storable" && letter.count == 2 && letter.detail.contains("no such value"))
        #expect(ingest.writer.health.trouble == nil)
        // None of them is ingested again, including the rejected ones.
        let again = ingest.pipeline()
        try again.accept(
            Self.batch(values.enumerated().map { Self.message(UInt16($0 + 1), $1) }, resumed: true))
        #expect(again.totals.messages == 0)
    }

    @Test("An undecodable message becomes a dead letter in the same transaction; an empty payload does not")
    func deadLetters() throws {
        let ingest = try IngestFixture()
        let bad = MQTTMessage(topic: "sensors/a/t", payload: Array("warm".utf8), qos: .atLeastOnce, packetID: 1)
        let empty = MQTTMessage(topic: "sensors/a/t", payload: [], qos: .atLeastOnce, packetID: 2)
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let traced = MQTTMessage(
            topic: "sensors/b", payload: Array("{".utf8),
            userProperties: [MQTTUserProperty(name: "traceparent", value: trace)])
        try ingest.pipeline().accept(Self.batch([bad, empty, bad, traced]))
        let letters = try ingest.database.read { try $0.deadLetters(before: nil, reason: nil, limit: 9) }
        #expect(letters.map { "\($0.topic) \($0.count)" }.sorted() == ["sensors/a/t 2", "sensors/b 1"])
        #expect(
            letters.first { $0.topic == "sensors/b" }?.traceID == "0af7651916cd43dd8448eb211c80319c")
    }
}
