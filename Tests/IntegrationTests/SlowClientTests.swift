import Foundation
import Logging
import MQTTTransport
import TestSupport
import Testing
import WebSocketClient

/// A client that does not read does not affect the others.
@Suite("Slow clients", .serialized)
struct SlowClientTests {
    private static let clientCount = 999
    private static let messageCount = 100

    @Test("One of 1,000 clients stops reading: the other 999 get every reading in order without a gap")
    func stoppedClient() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        // All clients belong to one user.
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url,
            arguments: ["--set", "limits.user_connections=0", "--set", "limits.user_commands_per_second=0"])
        try await gateway.waitUntilReady()
        let token = try await GatewayProcess.token()

        var small = WebSocketClientConfiguration()
        small.receiveBufferBytes = 4096
        let stopped = try await gateway.client(token: token, joining: "sensors/common", configuration: small)
        try await stopped.join("sensors/bulk")
        let others = try await Self.clients(of: gateway, token: token)
        let collectors = others.map(SequenceCollector.init)

        // Fill the stopped client's buffers through a room that only it has joined.
        try await stopped.pauseReading()
        let publisher = try await Publisher(port: broker.port)
        let big = Self.bigPayload()
        for _ in 0..<600 { try await publisher.publish(big, to: "sensors/bulk") }
        try await eventually("the stopped client's queue conflates", within: .seconds(30)) {
            try await Self.metric("windsock_hub_messages_conflated_total", of: gateway) > 0
        }

        for number in 1...Self.messageCount {
            try await publisher.publish(Array(#"{"seq":\#(number)}"#.utf8), to: "sensors/common")
        }
        let expected = Array(1...Self.messageCount)
        try await eventually("999 clients have every reading", within: .seconds(60)) {
            collectors.allSatisfy { $0.count >= Self.messageCount }
        }
        let complete = collectors.count { $0.live == expected }
        #expect(complete == Self.clientCount)
        let withGaps = collectors.count { $0.gaps > 0 }
        #expect(withGaps == 0)
        await publisher.stop()
        for client in others { await client.abort() }
        await stopped.abort()
    }

    @Test("A client that resumes reading gets a gap notice and the latest reading")
    func resumedClient() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: ["--set", "heartbeat.write_timeout=60s"])
        try await gateway.waitUntilReady()
        var small = WebSocketClientConfiguration()
        small.receiveBufferBytes = 4096
        let client = try await gateway.client(
            token: try await GatewayProcess.token(), joining: "sensors/bulk", configuration: small)
        try await client.pauseReading()
        let publisher = try await Publisher(port: broker.port)
        let big = Self.bigPayload()
        for _ in 0..<600 { try await publisher.publish(big, to: "sensors/bulk") }
        try await eventually("readings were conflated", within: .seconds(30)) {
            try await Self.metric("windsock_hub_messages_conflated_total", of: gateway) > 0
        }
        var last = big
        last.replaceSubrange(0..<1, with: Array(#"{"last":1,"#.utf8))
        try await publisher.publish(last, to: "sensors/bulk")
        try await client.resumeReading()
        let gap = try await client.nextJSON("a gap notice", within: .seconds(30)) { $0["type"]?.string == "gap" }
        #expect(gap["payload"]?["room_id"]?.string == "sensors/bulk")
        #expect((gap["payload"]?["dropped"]?.number ?? 0) > 0)
        _ = try await client.nextJSON("the latest reading", within: .seconds(30)) {
            $0["payload"]?["data"]?["last"] != nil
        }
        await publisher.stop()
    }

    private static func clients(of gateway: GatewayProcess, token: String) async throws -> [WebSocketClient] {
        var clients: [WebSocketClient] = []
        while clients.count < clientCount {
            let count = min(50, clientCount - clients.count)
            clients += try await withThrowingTaskGroup(of: WebSocketClient.self) { group in
                for _ in 0..<count {
                    group.addTask { try await gateway.client(token: token, joining: "sensors/common") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        return clients
    }

    /// About 20 kB: 600 of them exceed any socket buffer.
    private static func bigPayload() -> [UInt8] {
        let members = (0..<200).map { #""\#(String(repeating: "m", count: 90))\#($0)":\#($0)"# }
        return Array("{\(members.joined(separator: ","))}".utf8)
    }

    private static func metric(_ name: String, of gateway: GatewayProcess) async throws -> Double {
        let text = try await HTTPClientLite.get("\(gateway.url)/metrics").text
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
        return line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
    }
}
