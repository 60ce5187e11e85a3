import NIOCore
import Realtime
import Services
import TestSupport
import Testing
import WebSocketClient

@Suite("Presence, live", .serialized)
struct PresenceTests {
    @Test(
        "A user joins and leaves once, with any number of clients, and a reconnect within the grace period is no leave")
    func events() async throws {
        let server = try await LiveServer(presenceGrace: .seconds(30))
        let ann = try await server.tab("ann")
        _ = try await ann.join("chat/a")
        let first = try await server.tab("bob")
        _ = try await first.join("chat/a")
        let second = try await server.tab("bob")
        let joined = try await second.join("chat/a")
        #expect(joined["payload"]?["members"]?["users"]?.number == 2)
        #expect(joined["payload"]?["members"]?["clients"]?.number == 3)
        await first.socket.abort()
        await second.socket.abort()
        try await eventually("both clients are disconnected") { server.hub.presence.clientCount == 1 }
        let back = try await server.tab("bob")
        _ = try await back.join("chat/a")
        server.presence.sweep(at: .now() + .seconds(60))
        #expect(try await ann.all("presence").map(Self.event) == ["ann join", "bob join"])
        await back.socket.abort()
        try await eventually("the client is disconnected") { server.hub.presence.clientCount == 1 }
        server.presence.sweep(at: .now() + .seconds(60))
        #expect(Self.event(try await ann.next("presence")) == "bob leave")
        try await server.stop()
    }

    @Test("An explicit leave is announced at once; telemetry rooms announce nobody")
    func leaving() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann", join: ["chat/#", "sensors/#"])
        let bob = try await server.tab("bob", join: ["chat/#", "sensors/#"])
        for room in ["chat/a", "sensors/a"] {
            _ = try await ann.join(room)
            _ = try await bob.join(room)
        }
        _ = try await bob.ask("leave_room", #"{"room_id":"chat/a"}"#)
        _ = try await bob.ask("leave_room", #"{"room_id":"sensors/a"}"#)
        #expect(try await ann.all("presence").map(Self.event) == ["ann join", "bob join", "bob leave"])
        try await server.stop()
    }

    @Test("Members are listed with their clients, in pages, for tokens that may join")
    func members() async throws {
        let server = try await LiveServer()
        var tabs: [RoomClient] = []
        for user in ["ann", "bob", "carl", "bob"] {
            let tab = try await server.tab(user)
            _ = try await tab.join(user == "carl" ? "chat/#" : "chat/a")
            tabs.append(tab)
        }
        let token = try await server.token("ann", join: ["chat/#"])
        let page = try await server.get("/api/rooms/members?room_id=chat/a&limit=2", token: token).json
        #expect(page["users"]?.number == 3)
        #expect(page["clients"]?.number == 4)
        #expect(page["members"]?.array?.map { $0["user_id"]?.string } == ["ann", "bob"])
        #expect(page["members"]?.array?.last?["clients"]?.number == 2)
        #expect(page["next"]?.string == "bob")
        let rest = try await server.get("/api/rooms/members?room_id=chat/a&limit=2&after=bob", token: token).json
        #expect(rest["members"]?.array?.map { $0["user_id"]?.string } == ["carl"])
        #expect(rest["next"] == nil)
        #expect(try await server.get("/api/rooms/members?room_id=other", token: token).status == 403)
        #expect(tabs.count == 4)
        try await server.stop()
    }

    @Test("Online users are listed for granted rooms, and the caller always")
    func online() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        _ = try await ann.join("chat/a")
        let bob = try await server.tab("bob", join: ["other"])
        _ = try await bob.join("other")
        let carl = try await server.tab("carl")
        _ = try await carl.next("welcome")
        func online(_ user: String, join: [String]) async throws -> [String?]? {
            let token = try await server.token(user, join: join)
            return try await server.get("/api/online", token: token).json["online_users"]?.array?.map(\.string)
        }
        #expect(try await online("x", join: ["#"]) == ["ann", "bob", "carl"])
        #expect(try await online("x", join: ["chat/#"]) == ["ann"])
        #expect(try await online("carl", join: ["other"]) == ["bob", "carl"])
        #expect(try await online("x", join: []) == [])
        try await server.stop()
    }

    private static func event(_ message: JSON) -> String {
        "\(message.text("user_id") ?? "") \(message.text("event") ?? "")"
    }
}
