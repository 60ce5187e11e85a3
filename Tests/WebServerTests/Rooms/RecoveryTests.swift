import Core
import Foundation
import Services
import Storage
import TestSupport
import Testing

/// A reconnecting client gets each missed message once and in order, or is told that recovery is impossible.
@Suite("Recovery, live", .serialized)
struct RecoveryTests {
    @Test("A join with the last position delivers missed messages, then live ones")
    func recovers() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        let joined = try await ann.join("chat/a")
        let epoch = try #require(joined.text("epoch"))
        #expect(joined.number("offset") == 0)
        for number in 1...5 { try await ann.say("\(number)", in: "chat/a") }
        let bob = try await server.tab("bob")
        let back = try await bob.join("chat/a", more: #","since":{"offset":2,"epoch":"\#(epoch)"}"#)
        #expect(back["payload"]?["recovered"]?.bool == true)
        #expect(back.number("offset") == 5)
        try await ann.say("6", in: "chat/a")
        #expect(try await bob.all("chat_message").map(\.offset) == [3, 4, 5, 6])
        let same = try await bob.join("chat/a", more: #","since":{"offset":6,"epoch":"\#(epoch)"}"#)
        #expect(same["payload"]?["recovered"]?.bool == true)
        #expect(try await bob.all("chat_message").isEmpty)
        try await server.stop()
    }

    @Test("`recovered` is false for another epoch, a future offset, too many messages and removed ones")
    func cannotRecover() async throws {
        let server = try await LiveServer(history: HistoryConfiguration(maxMessagesPerRoom: 100))
        let ann = try await server.tab("ann")
        let epoch = try #require(try await ann.join("chat/a").text("epoch"))
        for _ in 1...128 { try await ann.say("x", in: "chat/a") }
        for _ in 1...3 { try await ann.say("y", in: "chat/b") }
        let bob = try await server.tab("bob")
        for (room, offset, epoch, recovered) in [
            ("chat/a", 128, "other", false), ("chat/a", 129, epoch, false), ("chat/a", 0, epoch, false),
            ("chat/a", 27, epoch, false), ("chat/a", 28, epoch, true), ("chat/b", 0, epoch, true),
            ("chat/none", 0, epoch, true), ("chat/none", 1, epoch, false),
        ] {
            let answer = try await bob.join(room, more: #","since":{"offset":\#(offset),"epoch":"\#(epoch)"}"#)
            #expect(answer["payload"]?["recovered"]?.bool == recovered, "\(room) since \(offset)")
        }
        try await server.stop()
    }

    @Test("A rejoin to a removed and recreated room is a gap exactly if the client missed something")
    func returnedRoom() async throws {
        let folder = try TemporaryFolder()
        let server = try await LiveServer(data: folder.url.path)
        let ann = try await server.tab("ann")
        let epoch = try #require(try await ann.join("chat/a").text("epoch"))
        for number in 1...5 { try await ann.say("\(number)", in: "chat/a") }
        for number in 1...3 { try await ann.say("\(number)", in: "chat/b") }
        let tool = try Database(writingBesideGatewayIn: folder.url.path)
        let later = SystemWallClock().now().advanced(by: .seconds(3600))
        try tool.write { transaction throws in
            #expect(try transaction.removeMessages(before: later, limit: 100) == 8)
            #expect(try transaction.removeIdleRooms(before: later, limit: 100, remembered: 100) == 2)
        }
        try tool.close()
        let bob = try await server.tab("bob")
        func recovers(_ room: String, since offset: Int) async throws -> Bool? {
            try await bob.join(room, more: #","since":{"offset":\#(offset),"epoch":"\#(epoch)"}"#)["payload"]?[
                "recovered"]?.bool
        }
        // The rooms are gone: a client that was up to date still is.
        func check(_ room: String, _ expected: [Int: Bool]) async throws {
            for (offset, isRecovered) in expected {
                #expect(try await recovers(room, since: offset) == isRecovered, "\(room) since \(offset)")
            }
        }
        try await check("chat/a", [0: false, 3: false, 5: true, 6: false])
        try await check("chat/b", [0: false, 2: false, 3: true, 5: false])
        // The room is back: offsets continue without a gap for clients that stayed.
        for number in 1...2 {
            #expect(try await ann.say("\(number)", in: "chat/b").number("offset") == Double(3 + number))
        }
        try await ann.say("6", in: "chat/a")
        #expect(try await ann.all("chat_message").map(\.offset) == [1, 2, 3, 4, 5, 6])
        try await check("chat/b", [0: false, 2: false, 5: true, 6: false])
        _ = try await bob.all("chat_message")
        try await check("chat/b", [3: true])
        #expect(try await bob.all("chat_message").map(\.offset) == [4, 5])
        try await server.stop()
    }

    @Test("A thousand missed messages are replayed, one more is not")
    func limit() async throws {
        let server = try await LiveServer()
        let token = try await server.token("service", join: ["chat/#"], publish: ["chat/#"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...1001 {
                server.services.chat.send("\(number)", to: "chat/a", from: "service", key: nil) { _ in }
            }
            try await group.waitForAll()
        }
        try await eventually("all are stored") {
            let page = try await server.get("/api/rooms/history?room_id=chat/a&limit=1", token: token).json
            return page["offset"]?.number == 1001
        }
        let epoch = server.services.history.epoch
        let bob = try await server.tab("bob")
        let tooMuch = try await bob.join("chat/a", more: #","since":{"offset":0,"epoch":"\#(epoch)"}"#)
        #expect(tooMuch["payload"]?["recovered"]?.bool == false)
        let enough = try await bob.join("chat/a", more: #","since":{"offset":1,"epoch":"\#(epoch)"}"#)
        #expect(enough["payload"]?["recovered"]?.bool == true)
        #expect(try await bob.all("chat_message").map(\.offset) == Array(2...1001))
        try await server.stop()
    }

    @Test("During continuous traffic, every joining client gets every message once")
    func underLoad() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        let epoch = try #require(try await ann.join("chat/a").text("epoch"))
        let talking = Task {
            for number in 1...400 {
                server.services.chat.send("\(number)", to: "chat/a", from: "bot", key: nil) { _ in }
            }
        }
        for _ in 1...5 {
            let client = try await server.tab("bob")
            let joined = try await client.join("chat/a", more: #","since":{"offset":0,"epoch":"\#(epoch)"}"#)
            #expect(joined["payload"]?["recovered"]?.bool == true)
            var next = 1
            while next <= 400 {
                let message = try await client.next("chat_message")
                #expect(message.offset == next)
                next += 1
            }
        }
        await talking.value
        try await server.stop()
    }

    @Test("Offsets, epoch, idempotency keys and inbox survive a restart")
    func restart() async throws {
        let folder = try TemporaryFolder()
        let first = try await LiveServer(data: folder.url.path)
        let ann = try await first.tab("ann")
        let epoch = try #require(try await ann.join("chat/a").text("epoch"))
        let sent = try await ann.say("one", in: "chat/a", key: "k")
        _ = try await ann.ask("send_to_user", #"{"user_id":"bob","content":"psst"}"#)
        try await first.stop()

        let second = try await LiveServer(data: folder.url.path)
        let again = try await second.tab("ann")
        let back = try await again.join("chat/a", more: #","since":{"offset":0,"epoch":"\#(epoch)"}"#)
        #expect(back["payload"]?["recovered"]?.bool == true)
        #expect(try await again.next("chat_message").text("content") == "one")
        #expect(try await again.say("one", in: "chat/a", key: "k").text("message_id") == sent.text("message_id"))
        #expect(try await again.say("two", in: "chat/a").number("offset") == 2)
        let bob = try await second.tab("bob")
        let welcome = try await bob.next("welcome")
        #expect(welcome["payload"]?["inbox"]?["offset"]?.number == 1)
        #expect(welcome["payload"]?["inbox"]?["epoch"]?.string == epoch)
        _ = try await bob.join("users/bob", more: #","since":{"offset":0,"epoch":"\#(epoch)"}"#)
        #expect(try await bob.next("direct_message").text("content") == "psst")
        try await second.stop()
    }
}
