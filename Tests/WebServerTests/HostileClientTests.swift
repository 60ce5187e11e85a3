import Core
import CoreMetrics
import NIOCore
import NIOEmbedded
import NIOHTTP1
import OTLP
import Realtime
import Services
import Storage
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// A client can harm only its own connection: the gateway's memory and all other clients are unaffected.
@Suite("Hostile clients", .serialized)
struct HostileClientTests {
    private static let ping = ClientFrame.bytes(9, Array(repeating: 0x70, count: 125))

    @Test("Clients that reset their connections do not affect other clients")
    func resets() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(closeTimeout: .milliseconds(300)))
        let token = try await server.token(join: ["sensors/#"])
        let stays = try await server.client(token: token)
        _ = try await stays.nextJSON("welcome") { $0["type"]?.string == "welcome" }
        try await stays.send(text: #"{"type":"join_room","id":"1","payload":{"room_id":"sensors/a"}}"#)
        _ = try await stays.nextJSON("joined") { $0["type"]?.string == "joined" }
        let rounds = 40
        let clientsPerRound = 10
        for round in 1...rounds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<clientsPerRound {
                    group.addTask {
                        let client = try await Endpoint.stream.open(server)
                        // Several commands each, so that the gateway answers the first while the next arrive.
                        let join = ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"sensors/a"}}"#)
                        let sync = ClientFrame.text(#"{"type":"clock_sync","id":"2","payload":{"t0":1}}"#)
                        try await client.send(join, sync, sync, sync, sync)
                        client.socket.reset()
                    }
                }
                try server.publish("a", [("seq", Double(round))])
                try await group.waitForAll()
            }
        }
        for round in 1...rounds {
            let message = try await stays.nextJSON("reading \(round)") { $0["type"]?.string == "data_update" }
            #expect(message["payload"]?["data"]?["seq"]?.number == Double(round))
        }
        try await eventually("the reset clients were removed") { server.hub.presence.clientCount == 1 }
        try await server.stop()
    }

    @Test("The gateway stops reading from a client that sends pings and does not read")
    func pings() async throws {
        let server = try await LiveServer(
            limits: ConnectionLimits(
                commandsPerSecond: 1_000_000, commandBurst: 1_000_000, closeTimeout: .milliseconds(300)),
            heartbeat: .init(writeTimeout: .seconds(600)))
        let client = try await Endpoint.stream.open(server, receiveBufferBytes: 4096)
        let total = 32 << 20
        let chunk = [UInt8](repeatElement(Self.ping, count: 500).joined())
        var sent = 0
        while sent < total {
            guard let taken = try? await client.socket.send(chunk, stalledAfter: .seconds(1)) else { break }
            sent += taken
            if taken < chunk.count { break }
        }
        #expect(sent < total, "the gateway stops reading")
        client.socket.close()
        try await server.stop()
    }

    @Test("Control frames count towards the command rate: a flood closes the connection")
    func controlFrameRate() async throws {
        let server = try await LiveServer(
            limits: ConnectionLimits(commandsPerSecond: 10, commandBurst: 20, closeTimeout: .milliseconds(300)))
        for opcode: UInt8 in [9, 10] {
            let client = try await Endpoint.stream.open(server)
            try await client.send([UInt8](repeatElement(ClientFrame.bytes(opcode, []), count: 200).joined()))
            var pongs = 0
            var closeCode: UInt16?
            while closeCode == nil, let frame = try await client.frame() {
                if frame.isClose { closeCode = frame.closeCode } else { pongs += 1 }
            }
            #expect(closeCode == CloseCode.rateLimited.rawValue)
            #expect(pongs <= 20)
            #expect(try await client.frame() == nil, "nothing follows the close frame")
        }
        // For each flood, one more burst is counted before it becomes abuse; nothing after that is decoded.
        let refused = try #require(
            try await server.get("/metrics").text.firstMatch(of: /commands_rate_limited_total (\d+)/)?.1)
        #expect(try #require(Int(refused)) <= 2 * 22)
        try await server.stop()
    }

    @Test("Of several pings that could not be answered at once, the latest is answered")
    func latestPing() async throws {
        let server = try await LiveServer(queueBytes: 64 << 20)
        let client = try await Endpoint.stream.open(server, receiveBufferBytes: 4096)
        try await client.send(ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"sensors/a"}}"#))
        _ = try await client.frame()
        // Publish readings until the socket accepts no more and they start to queue up for the client.
        let names = (0..<200).map { "metric-\($0)-\(String(repeating: "x", count: 80))" }
        try await eventually("the socket is full") {
            try server.publish("a", names.map { ($0, 1) })
            return await server.hub.clients().contains { $0.queuedByteCount > 0 }
        }
        for number in 1...10 { try await client.send(ClientFrame.bytes(9, [UInt8(number)])) }
        var pongs: [[UInt8]] = []
        while pongs.last != [10], let frame = try await client.frame() {
            if frame.opcode == 10 { pongs.append(Array(frame.payload.readableBytesView)) }
        }
        #expect(pongs == [[10]], "earlier pings are not answered")
        client.socket.close()
        try await server.stop()
    }

    @Test("A client that requests a long history and does not read costs the memory of one page")
    func replays() async throws {
        let server = try await LiveServer()
        let content = String(repeating: "x", count: 8000)
        for _ in 0..<400 {
            _ = await withCheckedContinuation { continuation in
                server.services.chat.send(content, to: "chat/a", from: "bot", key: nil) {
                    continuation.resume(returning: $0)
                }
            }
        }
        let token = try await server.token(join: ["chat/#"])
        var clients: [RawWebSocket] = []
        for _ in 0..<10 {
            let client = try RawWebSocket(port: server.port, receiveBufferBytes: 4096)
            try await client.send(RawHandshake("/ws", token: token).bytes)
            #expect(try await client.response().status == 101)
            _ = try await client.frame()
            let since = #"{"offset":0,"epoch":"\#(server.services.history.epoch)"}"#
            try await client.send(
                ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"chat/a","since":\#(since)}}"#))
            clients.append(client)
        }
        try await eventually("messages are queued for all clients") {
            await server.hub.clients().filter { $0.queuedByteCount > 0 }.count == clients.count
        }
        for client in await server.hub.clients() {
            #expect(client.queuedByteCount <= Replay.Page.maxBytes + 16_000)
        }
        // A client that reads gets every message once and in order.
        let reader = clients[0]
        var offsets: [Int] = []
        while offsets.last != 400, let frame = try await reader.frame() {
            guard frame.text.hasPrefix(#"{"type":"chat_message""#) else { continue }
            offsets.append(try #require(try JSON(parsing: frame.text).offset))
        }
        #expect(offsets == Array(1...400))
        for client in clients { client.socket.close() }
        try await server.stop()
    }

    @Test("After a large replay, the user's next join is delayed; those of others are not")
    func replayCost() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(userReplayedPerSecond: 100))
        for number in 0..<200 { try server.publish("d\(number)", [("t", 1)]) }
        let client = RoomClient(try await server.client())
        let other = RoomClient(try await server.client(token: try await server.token("other")))
        _ = try await client.join("sensors/#")
        // 200 readings at 100 per second, with one second's worth free, delay the next join by about a second.
        async let second = client.join("sensors/+")
        for _ in 0..<3 { _ = try await other.ask("clock_sync", #"{"t0":0}"#) }
        let joined = try await other.join("sensors/#")
        #expect(joined["type"]?.string == "joined")
        #expect(try await second["type"]?.string == "joined")
        try await server.stop()
    }

    @Test("Concurrent joins of a user's clients get at most a page each until the quota allows more")
    func replaysAtOnce() async throws {
        // At this rate, a page takes a minute to pay for.
        let server = try await LiveServer(
            limits: ConnectionLimits(commandsPerSecond: 100_000, commandBurst: 100_000, userReplayedPerSecond: 1))
        for number in 0..<200 { try server.publish("d\(number)", [("t", 1)]) }
        let token = try await server.token()
        var clients: [(socket: RawWebSocket, readings: Int)] = []
        for _ in 0..<5 {
            let client = try RawWebSocket(port: server.port)
            try await client.send(RawHandshake("/ws", token: token).bytes)
            #expect(try await client.response().status == 101)
            _ = try await client.frame()
            clients.append((client, 0))
        }
        for client in clients {
            try await client.socket.send(
                ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"sensors/#"}}"#))
        }
        /// Counts the messages before the answers to a few pings. A complete snapshot would arrive in that time.
        func listen() async throws {
            for index in clients.indices {
                for _ in 0..<10 {
                    try await clients[index].socket.send(ClientFrame.bytes(9, [1]))
                    while let frame = try await clients[index].socket.frame(), frame.opcode != 10 {
                        if frame.text.hasPrefix(#"{"type":"data_update""#) { clients[index].readings += 1 }
                    }
                }
            }
        }
        while clients.map(\.readings).max() == 0 { try await listen() }
        try await listen()
        #expect(clients.allSatisfy { $0.readings <= 64 }, "\(clients.map(\.readings))")
        for client in clients { client.socket.socket.close() }
        try await server.stop()
    }

    @Test("Commands that wait behind a join are limited in bytes: the rest stays in the socket")
    func pendingCommands() async throws {
        let server = try await LiveServer(
            limits: ConnectionLimits(
                commandsPerSecond: 100_000, commandBurst: 100_000, userCommandsPerSecond: 0,
                maxPendingCommands: 1_000_000, userReplayedPerSecond: 1))
        for number in 0..<100 { try server.publish("d\(number)", [("t", 1)]) }
        let client = try await Endpoint.stream.open(server, receiveBufferBytes: 4096)
        // 100 readings at one per second delay the second join, and the commands behind it, by more than a minute.
        for filter in ["sensors/#", "sensors/+"] {
            try await client.send(
                ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"\#(filter)"}}"#))
        }
        let command = ClientFrame.text(Endpoint.stream.text(byteCount: 60_000))
        let total = 400
        var sent = 0
        while sent < total {
            let taken = try await client.socket.send(command, stalledAfter: .milliseconds(500))
            guard taken == command.count else { break }
            sent += 1
        }
        #expect(sent < total, "the gateway stops reading")
        client.socket.close()
        try await server.stop()
    }

    @Test("The limit of waiting commands also applies to input followed by the end of the client's half")
    func commandsBeforeTheEnd() async throws {
        let server = try await LiveServer(
            limits: ConnectionLimits(
                commandsPerSecond: 100_000, commandBurst: 100_000, userCommandsPerSecond: 0, maxPendingCommands: 10,
                userReplayedPerSecond: 1))
        for number in 0..<100 { try server.publish("d\(number)", [("t", 1)]) }
        let client = try await Endpoint.stream.open(server)
        // 100 readings at one per second delay the second join, and the commands behind it, by more than a minute.
        let joins = ["sensors/#", "sensors/+"].map {
            ClientFrame.text(#"{"type":"join_room","id":"1","payload":{"room_id":"\#($0)"}}"#)
        }
        let commands = [UInt8](repeatElement(ClientFrame.text("{}"), count: 1000).joined())
        try await client.socket.send(joins.joined() + commands)
        client.socket.finishSending()
        try await eventually("the connection ended") { server.hub.presence.clientCount == 0 }
        let received = try #require(
            try await server.get("/metrics").text.firstMatch(of: /websocket_messages_received_total (\d+)/)?.1)
        #expect(try #require(Int(received)) <= 2 + 10)
        try await server.stop()
    }

    @Test(
        "Commands sent before a close frame or the end of the client's half are executed", arguments: [true, false])
    func commandsBeforeClosing(byFrame: Bool) async throws {
        let server = try await LiveServer()
        let token = try await server.token(join: ["chat/#"], publish: ["chat/#"])
        for round in 1...5 {
            let client = try RawWebSocket(port: server.port)
            try await client.send(RawHandshake("/ws", token: token).bytes)
            #expect(try await client.response().status == 101)
            _ = try await client.frame()
            let messages = (1...20).map {
                ClientFrame.text(
                    #"{"type":"send_to_room","id":"\#($0)","payload":{"room_id":"chat/r\#(round)","content":"x"}}"#)
            }
            try await client.socket.send([UInt8](messages.joined()) + (byFrame ? ClientFrame.close(1000) : []))
            if !byFrame { client.socket.finishSending() }
            var acknowledged = 0
            while let frame = try? await client.frame() {
                if frame.text.contains(#""type":"ack""#) { acknowledged += 1 }
                if frame.isClose { break }
            }
            #expect(acknowledged == 20)
            let history = try await server.get("/api/rooms/history?room_id=chat/r\(round)", token: token)
            #expect(try history.json["messages"]?.array?.count == 20)
        }
        try await server.stop()
    }

    @Test("Large commands cost more: they are rejected earlier than small ones")
    func largeCommands() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(commandsPerSecond: 1, commandBurst: 100))
        let client = try await Endpoint.stream.open(server)
        let large = ClientFrame.text(
            #"{"type":"clock_sync","payload":{"t0":1,"x":"\#(String(repeating: "x", count: 60_000))"}}"#)
        // Each costs 15, so six fit into a burst of 100.
        for _ in 0..<8 { try await client.send(large) }
        var answers: [String] = []
        while answers.count < 8, let frame = try await client.frame() {
            answers.append(frame.text.contains("rate_limited") ? "refused" : "done")
        }
        #expect(answers.prefix(6).allSatisfy { $0 == "done" } && answers.last == "refused")
        client.socket.close()
        try await server.stop()
    }

    @Test("While a token is verified, nothing more is read from the connection")
    func gate() async throws {
        let authority = try TokenAuthority(secret: LiveServer.secret)
        let token = try authority.issue(user: "ann", join: [], publish: [], lifetime: .seconds(60))
        final class Reads: ChannelOutboundHandler {
            typealias OutboundIn = Any
            var count = 0
            func read(context: ChannelHandlerContext) { count += 1 }
        }
        let channel = NIOAsyncTestingChannel()
        let counts = try await channel.testingEventLoop.executeInContext {
            let reads = Reads()
            let endpoint = ClientEndpoint(
                authenticator: Authenticator(authority: authority, tickets: TicketStore()),
                origins: OriginPolicy(publicOrigin: nil, allowed: []), quota: UserQuota(limits: .init()),
                entry: EntryTracer(tracer: SpanLog().tracer(), sampler: Sampler(root: .alwaysOff))
            ) { _, _ in reads }
            let gate = UpgradeGate(
                endpoint: endpoint,
                cap: ConnectionCap(
                    limits: .init(), metrics: EdgeMetrics(factory: NOOPMetricsHandler.instance),
                    logger: .silent),
                timeout: .seconds(10))
            try channel.pipeline.syncOperations.addHandlers([reads, gate])
            channel.pipeline.syncOperations.read()
            let before = reads.count
            var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
            for (name, value) in RawHandshake("/ws", token: token).headers {
                head.headers.add(name: name, value: value)
            }
            channel.pipeline.syncOperations.fireChannelRead(NIOAny(HTTPServerRequestPart.head(head)))
            channel.pipeline.syncOperations.read()
            return [before, reads.count]
        }
        #expect(counts == [1, 1], "bytes after the handshake wait in the socket")
        _ = try? await channel.finish()
    }
}
