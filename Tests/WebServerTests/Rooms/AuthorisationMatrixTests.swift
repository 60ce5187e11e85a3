import TestSupport
import Testing
import WebSocketClient

/// Permissions to join, publish, notify and read, over WebSocket and HTTP, in one table.
@Suite("Authorisation matrix", .serialized)
struct AuthorisationMatrixTests {
    struct Holder: Sendable {
        var join: [String] = []
        var publish: [String] = []
        var notify = false
    }

    enum Deed: Sendable {
        /// `join_room`, `GET /api/rooms/history` and `GET /api/rooms/members`.
        case read(String)
        /// A filter; WebSocket only.
        case joinFilter(String)
        /// `send_to_room` and `POST /api/rooms/messages`.
        case publish(String)
        case sendToUser(String)
        /// `POST /api/notifications`.
        case notify(String)
    }

    static let nobody = Holder()
    static let chat = Holder(join: ["chat/#"], publish: ["chat/+"])
    static let everything = Holder(join: ["#"], publish: ["#"], notify: true)
    static let greedy = Holder(join: ["#", "users/#", "$sys/#"], publish: ["users/#", "$sys/#"], notify: true)
    static let speaker = Holder(publish: ["chat/a"])

    /// The token holder is always the user `me`.
    static let matrix: [(String, Holder, Deed, Bool)] = [
        ("nobody", nobody, .read("chat/a"), false), ("nobody", nobody, .publish("chat/a"), false),
        ("nobody", nobody, .sendToUser("you"), false), ("nobody", nobody, .sendToUser("me"), false),
        ("nobody", nobody, .notify(#""user_id":"you""#), false), ("nobody", nobody, .read("users/me"), true),
        ("nobody", nobody, .read("users/you"), false), ("nobody", nobody, .joinFilter("#"), false),

        ("chat", chat, .read("chat/a"), true), ("chat", chat, .read("chat/a/b"), true),
        ("chat", chat, .read("chat"), true), ("chat", chat, .read("other"), false),
        ("chat", chat, .joinFilter("chat/#"), true), ("chat", chat, .joinFilter("chat/+/b"), true),
        ("chat", chat, .joinFilter("+/a"), false), ("chat", chat, .joinFilter("#"), false),
        ("chat", chat, .publish("chat/a"), true), ("chat", chat, .publish("chat/a/b"), false),
        ("chat", chat, .publish("chat"), false), ("chat", chat, .notify(#""user_id":"you""#), false),
        ("chat", chat, .sendToUser("you"), false),

        ("everything", everything, .read("chat/a"), true), ("everything", everything, .joinFilter("#"), true),
        ("everything", everything, .read("users/you"), false), ("everything", everything, .read("$sys/a"), false),
        ("everything", everything, .publish("chat/a"), true), ("everything", everything, .publish("sensors/a"), false),
        ("everything", everything, .publish("users/you"), false), ("everything", everything, .publish("$sys/a"), false),
        ("everything", everything, .sendToUser("you"), false),
        ("everything", everything, .notify(#""user_id":"you""#), true),
        ("everything", everything, .notify(#""everyone":true"#), true),
        ("everything", everything, .notify(#""room_id":"chat/a""#), true),
        ("everything", everything, .notify(#""room_id":"users/you""#), false),

        ("greedy", greedy, .read("users/you"), false), ("greedy", greedy, .joinFilter("users/#"), false),
        ("greedy", greedy, .joinFilter("users/+"), false), ("greedy", greedy, .read("$sys/a"), true),
        ("greedy", greedy, .publish("users/you"), false), ("greedy", greedy, .publish("users/me"), false),
        ("greedy", greedy, .sendToUser("you"), true), ("greedy", greedy, .publish("$sys/a"), true),

        ("speaker", speaker, .publish("chat/a"), true), ("speaker", speaker, .read("chat/a"), false),
        ("speaker", speaker, .publish("chat/b"), false),
    ]

    @Test("Each token allows what it grants, and nothing else")
    func matrix() async throws {
        let server = try await LiveServer()
        for (name, holder, deed, isAllowed) in Self.matrix {
            let token = try await server.token(
                "me", join: holder.join, publish: holder.publish, notify: holder.notify)
            let client = RoomClient(try await server.client(token: token))
            for (way, outcome) in try await Self.outcomes(of: deed, client, token, server) {
                #expect(outcome == isAllowed, "\(name): \(deed) over \(way)")
            }
            await client.socket.close()
        }
        try await server.stop()
    }

    /// Whether the action was allowed, over each transport that offers it. Any refusal other than `forbidden` is a test
    /// error.
    private static func outcomes(
        of deed: Deed, _ client: RoomClient, _ token: String, _ server: LiveServer
    ) async throws -> [(String, Bool)] {
        func socket(_ answer: JSON) throws -> Bool {
            if let code = answer.code { try #require(code == "forbidden", "\(code)") }
            return answer.code == nil
        }
        func http(_ response: HTTPClientLite.Response) throws -> Bool {
            try #require([200, 201, 403].contains(response.status), "\(response.status)")
            return response.status != 403
        }
        switch deed {
        case .read(let room):
            return [
                ("socket", try socket(await client.join(room))),
                ("history", try http(await server.get("/api/rooms/history?room_id=\(room)", token: token))),
                ("members", try http(await server.get("/api/rooms/members?room_id=\(room)", token: token))),
            ]
        case .joinFilter(let filter): return [("socket", try socket(await client.join(filter)))]
        case .publish(let room):
            let body = #"{"room_id":"\#(room)","content":"x"}"#
            return [
                ("socket", try socket(await client.ask("send_to_room", body))),
                ("HTTP", try http(await server.post("/api/rooms/messages", token: token, body))),
            ]
        case .sendToUser(let user):
            return [("socket", try socket(await client.ask("send_to_user", #"{"user_id":"\#(user)","content":"x"}"#)))]
        case .notify(let audience):
            return [
                (
                    "HTTP",
                    try http(await server.post("/api/notifications", token: token, "{\(audience),\"title\":\"x\"}"))
                )
            ]
        }
    }
}
