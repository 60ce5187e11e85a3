import Core
import Foundation
import OpenSSL
import Realtime
import Storage
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// The rights of a share link's clients, and their end.
@Suite("Access of share links")
struct ShareAccessTests {
    @Test("Over HTTP, a share reads its dashboard, and devices, readings and history of its rooms, and nothing else")
    func http() async throws {
        let fixture = try await ShareFixture()
        let server = fixture.server
        try server.ingest("sensors/open", #"{"t":21}"#)
        try server.ingest("sensors/secret", #"{"t":22}"#)
        try await server.say("hello", in: "chat/open")
        let token = try #require(try await fixture.share()["token"]?.string)
        let dashboards = try await server.get("/api/dashboards", token: token).json["dashboards"]?.array
        #expect(dashboards?.map { $0["id"]?.string } == ["open"])
        let devices = try await server.get("/api/devices", token: token).json["devices"]?.array
        #expect(devices?.map { $0["device"]?.string } == ["open"])
        #expect(try await server.get("/api/readings?device=open", token: token).text.contains("21"))
        #expect(try await server.get("/api/readings?device=secret", token: token).status == 404)
        #expect(try await server.get("/api/rooms/history?room_id=chat/open", token: token).text.contains("hello"))
        for room in ["chat/other", "users/operator"] {
            #expect(try await server.get("/api/rooms/history?room_id=\(room)", token: token).status == 403)
        }

        let file = try PackageRoot.directory.appending(path: "dashboards/web/openapi.json")
        let document = try JSON(parsing: String(contentsOf: file, encoding: .utf8))
        let open: Set = ["get /api/dashboards", "get /api/devices", "get /api/readings", "get /api/rooms/history"]
        let paths = (document["paths"]?.object ?? [:]).filter { $0.key.hasPrefix("/api") || $0.key.hasPrefix("/v1") }
        for (path, operations) in paths {
            for method in (operations.object ?? [:]).keys where !open.contains("\(method) \(path)") {
                let answer = try await HTTPClientLite.request(
                    method.uppercased(), server.url + path.replacing(/[{}]/, with: ""),
                    headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
                    body: method == "post" ? "{}" : nil)
                #expect(answer.status == 403, "\(method) \(path)")
            }
        }
        try await server.stop()
    }

    @Test("Over a WebSocket, a share receives its rooms, and can neither join others, publish, nor get notifications")
    func socket() async throws {
        let fixture = try await ShareFixture()
        let server = fixture.server
        let share = try await fixture.share()
        let token = try #require(share["token"]?.string)
        let client = RoomClient(try await server.client(token: token))
        let welcome = try await client.next("welcome")
        #expect(welcome["payload"]?["inbox"] == nil && welcome["payload"]?["unread"] == nil)
        #expect(try await client.join("sensors/open")["type"]?.string == "joined")
        #expect(try await client.join("chat/open")["type"]?.string == "joined")
        let user = "share#\(share["share_id"]?.string ?? "")"
        for room in ["sensors/other", "sensors/+", "#", "users/operator"] {
            #expect(try await client.join(room).code == "forbidden", "\(room)")
        }
        #expect(try await client.join("users/\(user)").code != nil)
        let refused = [
            ("send_to_room", #"{"room_id":"chat/open","content":"x"}"#),
            ("send_to_user", #"{"user_id":"operator","content":"x"}"#), ("mark_read", #"{"all":true}"#),
            ("refresh_token", #"{"token":"\#(fixture.operators)"}"#), ("refresh_token", #"{"token":"\#(token)"}"#),
        ]
        for (type, payload) in refused { #expect(try await client.ask(type, payload).code == "forbidden", "\(type)") }
        try server.publish("open", [("t", 23)])
        _ = try await client.next("data_update")

        // Nobody can notify it: neither by its name, nor as a member of the room, nor as one of all.
        let other = try await server.client(token: fixture.operators)
        try await other.join("chat/open")
        func notify(_ recipients: String) async throws -> HTTPClientLite.Response {
            try await server.post("/api/notifications", token: fixture.operators, "{\"title\":\"hush\",\(recipients)}")
        }
        #expect(try await notify("\"user_id\":\"\(user)\"").status == 400)
        for recipients in [#""room_id":"chat/open""#, #""everyone":true"#] {
            #expect(try await notify(recipients).json["recipients"]?.number == 1, "\(recipients)")
        }
        #expect(try await client.all("notification").isEmpty)
        try await server.stop()
    }

    @Test("A revoked share's connections are closed, and its requests and handshakes are answered with 401")
    func revocation() async throws {
        let folder = try TemporaryFolder()
        let fixture = try await ShareFixture(data: folder.url.path)
        let server = fixture.server
        let share = try await fixture.share()
        let (token, id) = (try #require(share["token"]?.string), share["share_id"]?.string)
        let other = try #require(try await fixture.share()["token"]?.string)
        let clients = [try await server.client(token: token), try await server.client(token: token)]
        let kept = RoomClient(try await server.client(token: other))
        for client in clients { try await client.join("sensors/open") }
        #expect(try await fixture.revoke(id).status == 200)
        for client in clients { #expect(try await client.closure().code == 4500) }
        #expect(try await kept.join("sensors/open")["type"]?.string == "joined")

        let refused = try await server.get("/api/dashboards", token: token)
        #expect(refused.status == 401 && refused.text.contains("revoked"))
        #expect(try await server.get("/api/dashboards", token: "share-nonsense").status == 401)
        #expect(try await server.get("/api/dashboards", token: "share-").status == 401)
        await #expect(throws: WebSocketClientError.self) { _ = try await server.client(token: token) }
        try await server.stop()

        let restarted = try await ShareFixture(data: folder.url.path)
        #expect(try await restarted.server.get("/api/dashboards", token: token).status == 401)
        #expect(try await restarted.server.get("/api/dashboards", token: other).status == 200)
        try await restarted.server.stop()
    }

    @Test("An answer that is still being written when its share is revoked is cut off")
    func streamed() async throws {
        let fixture = try await ShareFixture()
        let name = String(repeating: "m", count: 100)
        let payload = "{\((0..<250).map { "\"\(name)\($0)\":1" }.joined(separator: ","))}"
        // More than the buffers of both sockets hold.
        for _ in 0..<300 { try fixture.server.ingest("sensors/open", payload) }
        let share = try await fixture.share()
        let token = try #require(share["token"]?.string)
        let socket = try RawSocket(port: fixture.server.port, receiveBufferBytes: 1 << 16)
        let fields = "host: a\nauthorization: Bearer \(token)\naccept: text/csv\n\n"
        let request = "GET /api/readings?device=open HTTP/1.1\n\(fields)"
        try await socket.send(Array(request.replacing("\n", with: "\r\n").utf8))
        let head = String(decoding: try await socket.receive(), as: UTF8.self)
        #expect(head.hasPrefix("HTTP/1.1 200 ") && head.contains("chunked"))
        #expect(try await fixture.revoke(share["share_id"]?.string).status == 200)
        let rest = try await socket.text(mayReset: true)
        #expect(!rest.isEmpty && !rest.hasSuffix("\r\n0\r\n\r\n"), "the last chunk is missing")
        try await fixture.server.stop()
    }

    @Test("An identity that was checked before the revocation ends with it")
    func checkedBefore() async throws {
        let fixture = try await ShareFixture()
        let share = try #require(try await fixture.share()["token"]?.string)
        let store = try #require(fixture.server.shares)
        let identity = try store.identity(of: share)
        let now = SystemWallClock().now()
        #expect(identity.end(at: now) == nil)
        try await store.revoke(try #require(identity.share))
        #expect(identity.end(at: now)?.code == .badToken)
        try await fixture.server.stop()
    }

    @Test("An expired share is refused, and its connections are closed with 4501")
    func expiry() async throws {
        let folder = try TemporaryFolder()
        let now = SystemWallClock().now()
        let database = try Database(directory: folder.url.path)
        try database.write { transaction in
            for (token, lifetime) in [("share-late", Duration.seconds(-1)), ("share-soon", .seconds(3))] {
                try transaction.add(
                    StoredShare(
                        shareID: token, tokenDigest: Digest.sha256.hash(token.utf8), dashboard: "open",
                        rooms: ["sensors/open"], name: nil, createdBy: "operator", createdAt: now,
                        expiresAt: SystemWallClock().now().advanced(by: lifetime)))
            }
        }
        try database.close()
        let fixture = try await ShareFixture(data: folder.url.path)
        #expect(try await fixture.server.get("/api/dashboards", token: "share-late").status == 401)
        #expect(await (try fixture.server.client(token: "share-soon")).closed().code == 4501)
        #expect(try await fixture.listed() == [])
        try await fixture.server.stop()
    }

    @Test("A share has only those of its rooms that its dashboard still has, and no dashboard once that is gone")
    func changedDashboard() async throws {
        let folder = try TemporaryFolder()
        let fixture = try await ShareFixture(data: folder.url.path)
        let token = try #require(try await fixture.share()["token"]?.string)
        try await fixture.server.stop()

        let rooms = ShareFixture.dashboard(rooms: #"["chat/open", "sensors/secret"]"#)
        let changed = try await ShareFixture(data: folder.url.path, dashboards: ["open": rooms])
        let client = RoomClient(try await changed.server.client(token: token))
        #expect(try await client.join("chat/open")["type"]?.string == "joined")
        for room in ["sensors/open", "sensors/secret"] { #expect(try await client.join(room).code == "forbidden") }
        try await changed.server.stop()

        let gone = try await ShareFixture(data: folder.url.path, dashboards: [:])
        let answer = try await gone.server.get("/api/dashboards", token: token)
        #expect(answer.status == 200 && answer.text == #"{"dashboards":[]}"#)
        try await gone.server.stop()
    }

    @Test("When a dashboard loses rooms in a reload, its shares' connections are closed, to reconnect without them")
    func reloadedDashboard() async throws {
        let fixture = try await ShareFixture()
        let server = fixture.server
        let token = try #require(try await fixture.share()["token"]?.string)
        let other = try #require(try await fixture.share("all")["token"]?.string)
        let client = try await server.client(token: token)
        try await client.join("sensors/open")
        let kept = RoomClient(try await server.client(token: other))
        try await server.replace(dashboard: "open", by: ShareFixture.dashboard(rooms: #"["chat/open"]"#))
        #expect(try await client.closure().code == 1012)
        #expect(try await kept.join("sensors/+")["type"]?.string == "joined")
        let again = RoomClient(try await server.client(token: token))
        #expect(try await again.join("sensors/open").code == "forbidden")
        #expect(try await again.join("chat/open")["type"]?.string == "joined")
        try await server.stop()
    }
}
