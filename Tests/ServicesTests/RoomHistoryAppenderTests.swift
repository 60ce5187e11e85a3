import AlertRules
import Core
import CoreMetrics
import Logging
import Realtime
import Storage
import Testing

@testable import Services

/// New rooms count against the user who creates them. The gateway's own messages are never refused.
@Suite("Limits on creating rooms")
struct RoomHistoryAppenderTests {
    private let ingest: IngestFixture

    init() throws {
        ingest = try IngestFixture()
    }

    private var clock: any WallClock { ingest.stream.clock }

    private func chat(_ configuration: HistoryConfiguration) -> ChatService {
        let history = RoomHistory(
            database: ingest.database, writer: ingest.writer, hub: ingest.stream.hub, logger: ingest.logger)
        return ChatService(writer: ingest.writer, history: history, configuration: configuration, clock: clock)
    }

    private func notifications(_ configuration: HistoryConfiguration) -> NotificationService {
        NotificationService(
            writer: ingest.writer, database: ingest.database, hub: ingest.stream.hub, configuration: configuration,
            clock: clock, logger: ingest.logger)
    }

    private func read<Value>(_ work: (StorageSnapshot) throws -> Value) throws -> Value {
        try ingest.database.read(work)
    }

    private func say(_ chat: ChatService, in room: String, from user: UserID) async -> RequestError.Kind? {
        await withCheckedContinuation { continuation in
            chat.send("hello", to: room, from: user, key: nil) { continuation.resume(returning: Self.kind($0)) }
        }
    }

    private func whisper(_ chat: ChatService, to recipient: UserID, from user: UserID) async -> RequestError.Kind? {
        await withCheckedContinuation { continuation in
            chat.sendDirect("psst", to: recipient, from: user, key: nil) {
                continuation.resume(returning: Self.kind($0))
            }
        }
    }

    private static func kind(_ result: Result<ChatService.Sent, RequestError>) -> RequestError.Kind? {
        if case .failure(let error) = result { error.kind } else { nil }
    }

    private func know(_ user: UserID) throws {
        try ingest.database.write { try $0.recordVisit(of: user, at: clock.now()) }
    }

    @Test(
        "The rooms that a user creates per hour are limited; existing rooms and other users are unaffected")
    func hourly() async throws {
        let chat = chat(HistoryConfiguration(maxRoomsPerUserAndHour: 3))
        ingest.stream.clock.set(10_000)
        for number in 1...3 { #expect(await say(chat, in: "chat/\(number)", from: "eve") == nil) }
        #expect(await say(chat, in: "chat/4", from: "eve") == .rateLimited)
        #expect(await say(chat, in: "chat/1", from: "eve") == nil)
        #expect(await say(chat, in: "chat/4", from: "ann") == nil)
        // Direct messages to nonexistent users create rooms too.
        #expect(await whisper(chat, to: "nobody", from: "eve") == .rateLimited)
        ingest.stream.clock.set(10_000 + 3601)
        #expect(await say(chat, in: "chat/5", from: "eve") == nil)
        // Limits switched off.
        let open = self.chat(HistoryConfiguration(maxRoomsPerUser: 0, maxRoomsPerUserAndHour: 0))
        for number in 10...30 { #expect(await say(open, in: "chat/\(number)", from: "eve") == nil) }
    }

    @Test("A user's total number of rooms is limited until some are removed")
    func kept() async throws {
        let chat = chat(HistoryConfiguration(maxRoomsPerUser: 3))
        for number in 1...3 {
            ingest.stream.clock.set(10_000 * Double(number))
            #expect(await say(chat, in: "chat/\(number)", from: "eve") == nil)
        }
        #expect(await say(chat, in: "chat/4", from: "eve") == .rateLimited)
        try ingest.database.write { transaction in
            let cutoff = clock.now()
            _ = try transaction.removeMessages(before: cutoff, limit: 9)
            #expect(try transaction.removeIdleRooms(before: cutoff, limit: 9, remembered: 9) == 2)
        }
        #expect(await say(chat, in: "chat/4", from: "eve") == nil)
    }

    @Test("At the room limit, known users still get messages and notifications, and alerts are stored")
    func inboxes() async throws {
        let configuration = HistoryConfiguration(maxRooms: 2)
        let chat = chat(configuration)
        for room in ["chat/1", "chat/2"] { #expect(await say(chat, in: room, from: "eve") == nil) }
        #expect(await say(chat, in: "chat/3", from: "ann") == .overloaded)
        try know("bob")
        #expect(await whisper(chat, to: "bob", from: "ann") == nil)
        #expect(await whisper(chat, to: "ann", from: "ann") == nil, "the user's own inbox")
        #expect(await whisper(chat, to: "invented", from: "ann") == .overloaded)
        let service = notifications(configuration)
        let draft = try NotificationDraft(title: "Hot")
        #expect(try await service.send(draft, to: ["bob"], from: "ann", key: nil).recipientCount == 1)
        #expect(try await service.send(draft, to: ["invented"], from: "ann", key: nil).recipientCount == 1)
        // Neither ada nor chat/ops existed before.
        let ledger = RoomHistoryAppender(configuration: configuration)
        try ingest.database.write { [clock] transaction in
            let now = clock.now()
            let told = try ledger.notify(
                ["ada"], of: draft, id: "n", by: nil, at: now, messageTrace: nil, in: transaction)
            #expect(told.count == 1)
            _ = try ledger.append(.alert, id: "a", payload: [], to: "chat/ops", by: .gateway, at: now, in: transaction)
        }
        let now = clock.now()
        #expect(try read { try $0.unreadCount(of: "ada", at: now) } == 1)
    }

    @Test("Inboxes of users who never connected have a limit of their own per sender")
    func notified() async throws {
        let configuration = HistoryConfiguration(
            maxRooms: 1, maxRoomsPerUser: 1, maxRoomsPerUserAndHour: 1, maxInboxesPerSender: 700)
        let service = notifications(configuration)
        let draft = try NotificationDraft(title: "Hot")
        func count(_ sender: UserID) throws -> Int { try read { try $0.inboxCount(madeBy: sender) } }
        ingest.stream.clock.set(10_000)
        let users = (0..<700).map { UserID(unchecked: "user-\($0)") }
        for sender: UserID in ["ops", "ops", "dev"] {
            #expect(try await service.send(draft, to: users, from: sender, key: nil).recipientCount == 700)
        }
        #expect(try count("ops") == 700)
        #expect(try count("dev") == 0, "the inboxes exist already")
        #expect(try read { try $0.roomCount() } == 0)
        #expect(await say(chat(configuration), in: "chat/1", from: "ops") == nil, "inboxes do not count as rooms")
        // One more new recipient exceeds the limit, unless that user has connected before.
        for more in [["new"], users + ["new"]] {
            await #expect(throws: RequestError.self) { try await service.send(draft, to: more, from: "ops", key: nil) }
        }
        #expect(try await service.send(draft, to: ["new"], from: "dev", key: nil).recipientCount == 1)
        try know("new")
        try know("user-1")
        #expect(try count("dev") == 0)
        #expect(try count("ops") == 699)
        #expect(try await service.send(draft, to: ["new", "newer"], from: "ops", key: nil).recipientCount == 2)
        // Inboxes that were never fetched are removed by age.
        let cutoff = try #require(Timestamp(secondsSinceEpoch: 20_000))
        try ingest.database.write { transaction in
            _ = try transaction.removeMessages(before: cutoff, limit: 9999)
            _ = try transaction.removeIdleRooms(before: cutoff, limit: 9999, remembered: 9999)
        }
        #expect(try count("ops") == 0)
    }

    @Test("Retention removes old messages and empty rooms, and enforces the byte limits")
    func retention() async throws {
        let configuration = HistoryConfiguration(
            maxAge: .seconds(1000), maxBytes: 100_000, maxNotificationBytes: 50_000)
        let retention = RoomRetention(
            configuration: configuration, database: ingest.database, writer: ingest.writer,
            factory: NOOPMetricsHandler.instance, logger: ingest.logger)
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
        func fill(_ room: String, _ count: Int, at seconds: Double) throws {
            let now = try #require(Timestamp(secondsSinceEpoch: seconds))
            try ingest.database.write { transaction in
                for _ in 0..<count {
                    _ = try transaction.append(
                        to: room, messageID: "m", type: "chat_message", payload: payload, at: now)
                }
            }
        }
        // More than one batch of messages and of rooms.
        try fill("old", 2500, at: 100)
        for number in 0..<1100 { try fill("old/\(number)", 1, at: 100) }
        try fill("new", 10, at: 2000)
        await retention.clean(at: try #require(Timestamp(secondsSinceEpoch: 2000)))
        #expect(try read { try $0.roomCount() } == 1)
        #expect(try read { try $0.messageByteCount() } == 2280)
        await retention.trim()
        #expect(try read { try $0.messageByteCount() } == 2280)
        try fill("flood", 3000, at: 2001)
        await retention.trim()
        #expect(try read { try $0.messageByteCount() } <= 100_000)
        #expect(try read { try $0.messages(in: "new", after: 0, limit: 99).count } == 10)

        let service = notifications(configuration)
        let long = try NotificationDraft(title: "Buy", body: String(repeating: "x", count: 4000))
        _ = try await service.send(NotificationDraft(title: "Hot"), to: ["ann"], from: "ops", key: nil)
        for number in 1...4 {
            ingest.stream.clock.set(Double(3000 + number))
            _ = try await service.send(long, to: ["ann", "bob", "carl"], from: "eve", key: nil)
        }
        #expect(try read { try $0.notificationByteCount() } > 50_000)
        await retention.trim()
        #expect(try read { try $0.notificationByteCount() } <= 50_000)
        let kept = try await service.page(of: "ann", before: nil, unreadOnly: false, limit: 9).notifications
        #expect(
            kept.count == 4 && kept.last.map { String(decoding: $0.payload, as: UTF8.self) }?.contains("Hot") == true)
    }
}
