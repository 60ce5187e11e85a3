import Services
import TestSupport
import Testing

/// Rooms and inboxes over real sockets and HTTP.
@Suite("Chat, live", .serialized)
struct ChatTests {
    @Test("A message reaches every client in the room with the sender's verified name, and is then acknowledged")
    func roomMessage() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        let bob = try await server.tab("bob")
        _ = try await ann.join("chat/a")
        _ = try await bob.join("chat/#")
        let ack = try await ann.ask(
            "send_to_room", #"{"room_id":"chat/a","content":"hello","user_id":"somebody else"}"#)
        #expect(ack["type"]?.string == "ack")
        #expect(ack.number("offset") == 1)
        for client in [ann, bob] {
            let message = try await client.next("chat_message")
            #expect(message.text("room_id") == "chat/a")
            #expect(message.text("user_id") == "ann")
            #expect(message.text("content") == "hello")
            #expect(message.text("message_id") == ack.text("message_id"))
            #expect(message.offset == 1)
        }
        try await server.stop()
    }

    @Test("An idempotency key sends once per user and room; with other content it is a conflict")
    func idempotency() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        let bob = try await server.tab("bob")
        _ = try await bob.join("chat/#")
        let first = try await ann.say("one", in: "chat/a", key: "k")
        let again = try await ann.say("one", in: "chat/a", key: "k")
        #expect(again.text("message_id") == first.text("message_id"))
        #expect(try await ann.say("two", in: "chat/a", key: "k").code == "conflict")
        #expect(try await ann.say("two", in: "chat/b", key: "k")["type"]?.string == "ack")
        #expect(try await bob.say("three", in: "chat/a", key: "k")["type"]?.string == "ack")
        let texts = try await bob.all("chat_message").map { $0.text("content") }
        #expect(texts == ["one", "two", "three"])
        try await server.stop()
    }

    static let mistakes: [(String, String, String)] = [
        ("send_to_room", #"{"room_id":"chat/a"}"#, "bad_request"),
        ("send_to_room", #"{"room_id":"chat/a","content":""}"#, "bad_request"),
        ("send_to_room", #"{"room_id":"chat/a","content":7}"#, "bad_request"),
        ("send_to_room", #"{"room_id":"chat/+","content":"x"}"#, "bad_request"),
        ("send_to_room", #"{"content":"x"}"#, "bad_request"),
        ("send_to_room", #"{"room_id":"chat/a","content":"x","idempotency_key":""}"#, "bad_request"),
        ("send_to_room", #"{"room_id":"chat/a","content":"123456789"}"#, "too_large"),
        ("send_to_room", #"{"room_id":"sensors/a","content":"x"}"#, "forbidden"),
        ("send_to_room", #"{"room_id":"users/bob","content":"x"}"#, "forbidden"),
        ("send_to_user", #"{"user_id":"a/b","content":"x"}"#, "bad_request"),
        ("send_to_user", #"{"content":"x"}"#, "bad_request"),
        ("mark_read", #"{}"#, "bad_request"),
        ("mark_read", #"{"notification_id":"none"}"#, "not_found"),
        ("join_room", #"{"room_id":"chat/a","since":{"offset":-1,"epoch":"e"}}"#, "bad_request"),
        ("join_room", #"{"room_id":"chat/a","since":{"offset":1}}"#, "bad_request"),
        ("join_room", #"{"room_id":"chat/#","since":{"offset":1,"epoch":"e"}}"#, "bad_request"),
        ("join_room", #"{"room_id":"chat/a","max_rate_hz":0}"#, "bad_request"),
        ("refresh_token", #"{"token":"x"}"#, "forbidden"),
    ]

    @Test("An invalid command is answered with what is allowed, and the connection stays open")
    func badCommands() async throws {
        let server = try await LiveServer(history: HistoryConfiguration(maxContentBytes: 8))
        let client = try await server.tab("ann", publish: ["#"])
        for (type, payload, code) in Self.mistakes {
            let answer = try await client.ask(type, payload)
            #expect(answer.code == code, "\(type) \(payload)")
            #expect(answer.text("message")?.isEmpty == false)
        }
        #expect(try await client.say("fine", in: "chat/a")["type"]?.string == "ack")
        try await server.stop()
    }

    @Test("A direct message reaches all clients of its recipient, and no others")
    func directMessage() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        let tabs = [try await server.tab("bob"), try await server.tab("bob")]
        let eve = try await server.tab("eve", join: ["#", "users/#"])
        _ = try await eve.join("#")
        #expect(try await eve.join("users/bob").code == "forbidden")
        #expect(try await eve.join("users/#").code == "forbidden")
        let ack = try await ann.ask("send_to_user", #"{"user_id":"bob","content":"psst"}"#)
        for tab in tabs {
            let message = try await tab.next("direct_message")
            #expect(message.text("user_id") == "ann")
            #expect(message.text("content") == "psst")
            #expect(message.text("message_id") == ack.text("message_id"))
            #expect(message.offset == 1)
        }
        #expect(try await eve.all("direct_message").isEmpty)
        try await server.stop()
    }

    @Test("Messages can be sent over HTTP, and the history is paged both ways for tokens that may join")
    func overHTTP() async throws {
        let server = try await LiveServer()
        let token = try await server.token("service", join: ["chat/#"], publish: ["chat/#"])
        for number in 1...5 {
            let answer = try await server.post(
                "/api/rooms/messages", token: token, #"{"room_id":"chat/a","content":"\#(number)"}"#)
            #expect(answer.status == 201)
            #expect(try answer.json["offset"]?.number == Double(number))
        }
        let keyed = #"{"room_id":"chat/b","content":"x","idempotency_key":"k"}"#
        #expect(try await server.post("/api/rooms/messages", token: token, keyed).status == 201)
        #expect(try await server.post("/api/rooms/messages", token: token, keyed).status == 200)
        func page(_ query: String) async throws -> (contents: [String?], hasMore: Bool?) {
            let body = try await server.get("/api/rooms/history?room_id=chat/a\(query)", token: token).json
            let messages = body["messages"]?.array ?? []
            return (messages.map { $0.text("content") }, body["has_more"]?.bool)
        }
        #expect(try await page("") == (["1", "2", "3", "4", "5"], false))
        #expect(try await page("&limit=2") == (["4", "5"], true))
        #expect(try await page("&before=4&limit=2") == (["2", "3"], true))
        #expect(try await page("&after=1&limit=2") == (["2", "3"], true))
        #expect(try await page("&after=3") == (["4", "5"], false))
        for (path, status) in [
            ("?room_id=chat/a&limit=0", 400), ("?room_id=chat/a&before=1&after=1", 400), ("?room_id=chat/%2B", 400),
            ("", 400), ("?room_id=other/a", 403),
        ] {
            #expect(try await server.get("/api/rooms/history\(path)", token: token).status == status, "\(path)")
        }
        #expect(try await server.post("/api/rooms/messages", token: token, "[").status == 400)
        #expect(try await server.post("/api/rooms/messages", token: token, #"{"room_id":"sensors/a"}"#).status == 403)
        let large = String(repeating: "x", count: 9000)
        let tooLarge = try await server.post(
            "/api/rooms/messages", token: token, #"{"room_id":"chat/a","content":"\#(large)"}"#)
        #expect(tooLarge.status == 413)
        #expect(tooLarge.header("content-type") == "application/problem+json")
        try await server.stop()
    }
}
