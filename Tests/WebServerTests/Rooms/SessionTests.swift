import Core
import Realtime
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// Token refresh, tickets, limits per user and per address, and the operator API.
@Suite("Sessions, live", .serialized)
struct SessionTests {
    @Test("A refreshed token replaces expiry and grants, and leaves rooms that it does not grant")
    func refresh() async throws {
        let server = try await LiveServer()
        let client = RoomClient(
            try await server.client(token: try await server.token("ann", join: ["chat/#", "sensors/#"])))
        _ = try await client.join("chat/a")
        _ = try await client.join("sensors/a")
        let token = try await server.token("ann", join: ["sensors/#"], publish: ["chat/a"], lifetime: .seconds(3600))
        let ack = try await client.ask("refresh_token", #"{"token":"\#(token)"}"#)
        #expect(ack.text("expires_at") != nil)
        let left = try await client.next("left")
        #expect(left.text("room_id") == "chat/a")
        #expect(left.text("reason") == "forbidden")
        #expect(try await client.join("chat/a").code == "forbidden")
        #expect(try await client.say("x", in: "chat/a")["type"]?.string == "ack")
        #expect(try await client.all("chat_message").isEmpty)
        let other = try await server.token("bob")
        #expect(try await client.ask("refresh_token", #"{"token":"\#(other)"}"#).code == "forbidden")
        let old = try await server.token("ann", lifetime: .seconds(-5))
        #expect(try await client.ask("refresh_token", #"{"token":"\#(old)"}"#).code == "expired")
        try await server.stop()
    }

    @Test("Without a refresh, an expired token closes the connection with 4501")
    func expiry() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", lifetime: .seconds(1))
        let ends = RoomClient(try await server.client(token: token))
        let stays = RoomClient(try await server.client(token: token))
        _ = try await stays.ask("refresh_token", #"{"token":"\#(try await server.token("ann"))"}"#)
        #expect(await ends.socket.closed().code == 4501)
        #expect(try await stays.ask("clock_sync", #"{"t0":0}"#)["type"]?.string == "clock_sync")
        try await server.stop()
    }

    @Test("A ticket authenticates once, as the user who requested it")
    func tickets() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["chat/#"])
        let answer = try await server.post("/api/tickets", token: token, "{}")
        #expect(try answer.json["expires_in"]?.number == 30)
        let ticket = try #require(try answer.json["ticket"]?.string)
        let url = "ws://127.0.0.1:\(server.port)/ws?ticket=\(ticket)"
        let client = RoomClient(try await WebSocketClient.connect(url: url))
        #expect(try await client.next("welcome").text("user_id") == "ann")
        #expect(try await client.join("chat/a").code == nil)
        await #expect(throws: (any Error).self) { try await WebSocketClient.connect(url: url) }
        #expect(try await server.post("/api/tickets", token: "nonsense", "{}").status == 401)
        #expect(!server.log.lines.contains { $0.contains(ticket) })
        try await server.stop()
    }

    @Test("A user's connections and commands are limited in total, without affecting other users")
    func userLimits() async throws {
        let server = try await LiveServer(limits: .init(connectionsPerUser: 2, userCommandsPerSecond: 1))
        let tabs = [try await server.tab("ann"), try await server.tab("ann")]
        for tab in tabs { _ = try await tab.next("welcome") }
        let third = try await server.tab("ann")
        #expect(await third.socket.closed().code == 4504)
        var refused = 0
        for round in 0..<40 {
            try await tabs[round % 2].socket.send(text: #"{"type":"clock_sync","id":"\#(round)","payload":{"t0":1}}"#)
        }
        for (number, tab) in tabs.enumerated() {
            for round in 0..<20 {
                let answer = try await tab.socket.nextJSON()
                #expect(
                    answer["id"]?.string == "\(2 * round + number)", "rejected commands are identified by their ids")
                if answer.code == "rate_limited" { refused += 1 }
            }
        }
        #expect((20...38).contains(refused), "2 at once and 1 a second are allowed, \(refused) were refused")
        let bob = try await server.tab("bob")
        #expect(try await bob.ask("clock_sync", #"{"t0":0}"#)["type"]?.string == "clock_sync")
        await tabs[0].socket.abort()
        try await eventually("one client is disconnected") { server.hub.presence.clientCount == 2 }
        #expect(try await server.tab("ann").next("welcome").text("user_id") == "ann")
        try await server.stop()
    }

    @Test("After its expiry, a token executes no command")
    func commandsAfterTheEnd() async throws {
        let server = try await LiveServer(
            limits: .init(commandsPerSecond: 1_000_000, commandBurst: 1_000_000, userCommandsPerSecond: 0))
        let token = try await server.token("ann", lifetime: .seconds(2))
        let claims = try #require(token.split(separator: ".").dropFirst().first.flatMap { Base64URL.decode($0) })
        let expiry = try #require(try JSONParser.parse(claims)["exp"]?.numberValue) * 1000
        let client = try await server.client(token: token)
        var answers = 0
        while true {
            try? await client.send(text: #"{"type":"clock_sync","id":"1","payload":{"t0":1}}"#)
            guard let message = try? await client.nextJSON() else { break }
            guard message["type"]?.string == "clock_sync" else { continue }
            answers += 1
            #expect(try #require(message["payload"]?["t1"]?.number) <= expiry)
        }
        #expect(await client.closed().code == 4501)
        #expect(answers > 0)
        try await server.stop()
    }

    @Test("An address that opens too many connections gets 429")
    func addressLimit() async throws {
        let server = try await LiveServer(limits: .init(exemptAddresses: [], addressConnectionsPerSecond: 2))
        var clients: [WebSocketClient] = []
        var isRefused = false
        for _ in 1...20 {
            do {
                clients.append(try await server.client())
            } catch WebSocketClientError.refused(let status, _) where status == 429 {
                isRefused = true
            }
        }
        #expect(isRefused)
        #expect(clients.count >= 4)
        try await server.stop()
    }

    @Test("Clients are listed for rooms that the token may join, with addresses only for tokens for all rooms")
    func clients() async throws {
        let server = try await LiveServer()
        let ann = try await server.tab("ann")
        _ = try await ann.join("chat/a")
        let bob = try await server.tab("bob", join: ["other"])
        _ = try await bob.join("other")
        let operators = try await server.token("operator", join: ["#"])
        let all = try await server.get("/api/clients", token: operators).json
        #expect(all["total"]?.number == 2)
        let seen = try #require(all["clients"]?.array?.first { $0["user_id"]?.string == "ann" })
        #expect(seen["rooms"]?.array?.map(\.string) == ["chat/a"])
        #expect(seen["address"]?.string == "127.0.0.1")
        #expect(seen["connected_at"]?.string != nil)
        #expect(seen["queued_bytes"]?.number == 0)
        #expect(seen["slow"]?.bool == false)
        let some = try await server.get("/api/clients", token: try await server.token("x", join: ["chat/#"])).json
        #expect(some["clients"]?.array?.map { $0["user_id"]?.string } == ["ann"])
        #expect(some["clients"]?.array?.first?["address"] == nil)
        try await server.stop()
    }

    @Test("`max_rate_hz` limits telemetry to the client, and the last value is always sent")
    func rate() async throws {
        let server = try await LiveServer()
        let client = RoomClient(try await server.client())
        _ = try await client.join("sensors/a", more: #","max_rate_hz":4"#)
        for value in 1...20 { try server.publish("a", [("v", Double(value))]) }
        var values: [Double] = []
        while values.last != 20 {
            let update = try await client.next("data_update")
            values.append(try #require(update["payload"]?["data"]?["v"]?.number))
        }
        #expect(values == [1, 20])
        #expect(try await client.all("gap").isEmpty)
        try await server.stop()
    }
}
