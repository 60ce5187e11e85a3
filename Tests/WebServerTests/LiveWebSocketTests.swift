import Foundation
import NIOCore
import Realtime
import Services
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// The wire contract over real sockets.
@Suite("WebSocket, live", .serialized)
struct LiveWebSocketTests {
    private static func command(_ type: String, id: String = "1", _ payload: String = "{}") -> String {
        #"{"type":"\#(type)","id":"\#(id)","payload":\#(payload)}"#
    }

    private static func join(_ room: String, id: String = "1") -> String {
        command("join_room", id: id, #"{"room_id":"\#(room)"}"#)
    }

    @Test("A client gets `welcome`, `joined`, the latest reading of every device, then live readings")
    func joinOrder() async throws {
        let server = try await LiveServer()
        try server.publish("a", [("temperature", 20), ("humidity", 50.5)])
        try server.publish("a", [("battery", 90)])
        try server.publish("other", [("temperature", 1)])
        let client = try await server.client()
        let welcome = try await client.nextJSON()
        #expect(welcome["type"]?.string == "welcome")
        #expect(welcome["payload"]?["user_id"]?.string == "tester")
        #expect(welcome["payload"]?["limits"]?["message_bytes"]?.number == 65_536)

        try await client.send(text: Self.join("sensors/a", id: "j"))
        let joined = try await client.nextJSON()
        #expect(joined["type"]?.string == "joined")
        #expect(joined["id"]?.string == "j")
        #expect(joined["payload"]?["room_id"]?.string == "sensors/a")
        #expect(joined["payload"]?["members"]?["clients"]?.number == 1)
        for name in ["temperature", "battery"] {
            let snapshot = try await client.nextJSON()
            #expect(snapshot["payload"]?["snapshot"]?.bool == true)
            #expect(snapshot["payload"]?["age_ms"]?.number != nil)
            #expect(snapshot["payload"]?["data"]?[name] != nil)
        }
        try server.publish("a", [("temperature", 21), ("humidity", 51)])
        let live = try await client.nextJSON()
        #expect(live["type"]?.string == "data_update")
        #expect(live["payload"]?["snapshot"] == nil)
        #expect(live["payload"]?["data"]?["temperature"]?.number == 21)
        try await server.stop()
    }

    @Test("Joining a filter delivers every matching room; leaving ends it")
    func filterAndLeave() async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        try await client.send(text: Self.join("sensors/+"))
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        try server.publish("a", [("v", 1)])
        #expect(try await client.nextJSON()["payload"]?["room_id"]?.string == "sensors/a")
        try await client.send(text: Self.command("leave_room", #"{"room_id":"sensors/+"}"#))
        #expect(try await client.nextJSON()["type"]?.string == "left")
        try server.publish("a", [("v", 2)])
        try await client.send(text: Self.command("clock_sync", id: "c", #"{"t0":1.5}"#))
        let sync = try await client.nextJSON()
        #expect(sync["type"]?.string == "clock_sync", "nothing followed `left`")
        #expect(sync["payload"]?["t0"]?.number == 1.5)
        let received = try #require(sync["payload"]?["t1"]?.number)
        let answered = try #require(sync["payload"]?["t2"]?.number)
        #expect(received <= answered)
        try await server.stop()
    }

    static let refusals: [(String, String)] = [
        (#"{"type":"dance","id":"1"}"#, "unknown_type"), ("not json", "bad_request"), ("[]", "bad_request"),
        (#"{"id":"1","payload":{}}"#, "bad_request"), (#"{"type":"join_room","id":"1"}"#, "bad_request"),
        (#"{"type":"join_room","id":"1","payload":{"room_id":"a/#/b"}}"#, "bad_request"),
        (#"{"type":"join_room","id":"1","payload":{"room_id":"$share/g/sensors/a"}}"#, "bad_request"),
        (#"{"type":"join_room","id":"1","payload":{"room_id":"chat/ops"}}"#, "forbidden"),
        (##"{"type":"join_room","id":"1","payload":{"room_id":"#"}}"##, "forbidden"),
        (#"{"type":"leave_room","id":"1","payload":{"room_id":"sensors/a"}}"#, "not_joined"),
        (#"{"type":"clock_sync","id":"1","payload":{"t0":"now"}}"#, "bad_request"),
        (#"{"type":"join_room","id":7,"payload":{"room_id":"sensors/a"}}"#, "bad_request"),
    ]

    @Test(
        "A command that fails is answered with an error, and the connection stays open", arguments: refusals)
    func refused(_ message: String, _ code: String) async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        try await client.send(text: message)
        let error = try await client.nextJSON("an error") { $0["type"]?.string == "error" }
        #expect(error["payload"]?["code"]?.string == code)
        #expect(error["payload"]?["message"]?.string?.isEmpty == false)
        try await client.send(text: Self.join("sensors/a"))
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        try await server.stop()
    }

    @Test("Too large a message is answered with an error, then closed with 1009")
    func tooLarge() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(maxMessageBytes: 2000))
        let client = try await server.client()
        try await client.send(text: String(repeating: "x", count: 2001))
        _ = try await client.nextJSON("too_large") { $0["payload"]?["code"]?.string == "too_large" }
        #expect(await client.closed().code == 1009)
        try await server.stop()
    }

    @Test("A binary message closes the connection with 1003")
    func binary() async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        try await client.send(binary: ByteBuffer(bytes: [1]))
        #expect(await client.closed().code == 1003)
        try await server.stop()
    }

    @Test("Too many commands are answered with an error, then closed with 4013")
    func rateLimit() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(commandsPerSecond: 1, commandBurst: 5))
        let client = try await server.client()
        for _ in 0..<12 { try? await client.send(text: Self.command("clock_sync", #"{"t0":1}"#)) }
        _ = try await client.nextJSON("rate_limited") { $0["payload"]?["code"]?.string == "rate_limited" }
        #expect(await client.closed().code == 4013)
        try await server.stop()
    }

    @Test("150 commands at once are answered in order")
    func manyCommands() async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        for number in 0..<150 {
            let isJoin = number % 3 == 0
            try await client.send(
                text: isJoin
                    ? Self.join("sensors/r\(number)", id: "\(number)")
                    : Self.command("clock_sync", id: "\(number)", #"{"t0":1}"#))
        }
        for number in 0..<150 {
            let answer = try await client.nextJSON("answer \(number)") { $0["id"] != nil }
            #expect(answer["id"]?.string == "\(number)")
        }
        try await server.stop()
    }

    @Test("A client that answers no ping is disconnected; one that does stays connected")
    func heartbeat() async throws {
        let heartbeat = HeartbeatConfiguration(pingInterval: .milliseconds(50), pongTimeout: .milliseconds(200))
        let server = try await LiveServer(heartbeat: heartbeat)
        let silent = try await server.client()
        let alive = try await server.client()
        try await silent.pauseReading()
        try await eventually("the silent client is gone") { server.hub.presence.clientCount == 1 }
        try await alive.ping()
        try await server.stop()
    }

    @Test("An expired token closes its connections with 4501")
    func tokenExpires() async throws {
        let server = try await LiveServer()
        let client = try await server.client(token: try await server.token(lifetime: .seconds(1)))
        #expect(await client.closed().code == 4501)
        try await server.stop()
    }

    @Test("At shutdown, every client gets its queued messages and is closed with 1001")
    func shutdown() async throws {
        let server = try await LiveServer()
        let client = try await server.client()
        try await client.send(text: Self.join("sensors/a"))
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        for number in 0..<200 { try server.publish("a", [("v", Double(number))]) }
        async let stopped: Void = server.stop()
        _ = try await client.nextJSON("the last reading") { $0["payload"]?["data"]?["v"]?.number == 199 }
        #expect(await client.closed().code == 1001)
        try await stopped
    }

    @Test("A client that never reads does not delay the shutdown")
    func shutdownWithStuckClient() async throws {
        let limits = ConnectionLimits(drainTimeout: .milliseconds(200), closeTimeout: .milliseconds(200))
        let server = try await LiveServer(limits: limits)
        var small = WebSocketClientConfiguration()
        small.receiveBufferBytes = 4096
        let client = try await server.client(configuration: small)
        try await client.send(text: Self.join("sensors/a"))
        _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
        try await client.pauseReading()
        let names = (0..<200).map { String(repeating: "m", count: 90) + "\($0)" }
        for number in 0..<600 { try server.publish("a", names.map { ($0, Double(number)) }) }
        try await withDeadline("the server stopped", .seconds(60)) { try await server.stop() }
        await client.abort()
    }

    @Test("windsock.v1 is selected; the subprotocol with the token is neither echoed nor logged")
    func subprotocol() async throws {
        let server = try await LiveServer()
        let token = try await server.token()
        let client = try await WebSocketClient.connect(
            url: "ws://127.0.0.1:\(server.port)/ws", subprotocols: ["bearer.\(token)", "windsock.v1"])
        #expect(client.subprotocol == "windsock.v1")
        _ = try await WebSocketClient.connect(url: "ws://127.0.0.1:\(server.port)/ws?token=\(token)")
        _ = try await server.get("/api/devices?token=\(token)", token: token)
        _ = try? await WebSocketClient.connect(url: "ws://127.0.0.1:\(server.port)/ws?token=\(token)x")
        try await server.stop()
        let leaks = server.log.lines.filter { $0.contains(token) }
        #expect(leaks == [])
    }
}
