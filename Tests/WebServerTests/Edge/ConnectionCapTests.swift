import CoreMetrics
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// Connections are bounded in total and per address. Idle connections are evicted in favour of active ones.
@Suite("Connection limits")
struct ConnectionCapTests {
    private static let request = Array("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n".utf8)

    private static func isClosed(_ socket: RawSocket) async -> Bool {
        // Closed or reset: the server sends nothing before a request.
        await (try? socket.receive())?.isEmpty ?? true
    }

    private static func status(_ socket: RawSocket) async throws -> String {
        try await socket.send(request)
        return String(decoding: try await socket.receive().prefix(12), as: UTF8.self)
    }

    @Test("At the limit, a new connection evicts the one that has been idle longest")
    func places() async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(connections: 3)) { server in
            let first = try RawSocket(port: server.port)
            try await eventually("the connection was accepted") { server.cap.count == 1 }
            let second = try RawSocket(port: server.port)
            try await eventually("the connection was accepted") { server.cap.count == 2 }
            let third = try RawSocket(port: server.port)
            try await eventually("the connection was accepted") { server.cap.count == 3 }
            // The first connection has made a request since, so it has been idle for less time than the second.
            #expect(try await Self.status(first) == "HTTP/1.1 200")
            let fourth = try RawSocket(port: server.port)
            #expect(try await Self.status(fourth) == "HTTP/1.1 200")
            #expect(await Self.isClosed(second))
            #expect(try await Self.status(first) == "HTTP/1.1 200")
            #expect(try await Self.status(third) == "HTTP/1.1 200")
            try await eventually("three connections are left") { server.cap.count == 3 }
        }
    }

    @Test("A connection whose last answer was sent, but which its client keeps open, is evicted")
    func lingering() async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(connections: 2)) { server in
            // Answered before their bodies arrive, so these answers are the last ones.
            let head = Array("POST /api/rooms/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{".utf8)
            let kept = [try RawSocket(port: server.port), try RawSocket(port: server.port)]
            for socket in kept {
                try await socket.send(head)
                while try await !socket.receive().isEmpty {}
            }
            let busy = try RawSocket(port: server.port)
            #expect(try await Self.status(busy) == "HTTP/1.1 200")
            withExtendedLifetime(kept) {}
        }
    }

    @Test("WebSockets are not evicted: connections beyond them are closed, logged once and counted")
    func working() async throws {
        try await Endpoint.withServer(limits: ConnectionLimits(connections: 2)) { server in
            let clients = [try await server.client(), try await server.client()]
            for client in clients { _ = try await client.nextJSON("welcome") { $0["type"]?.string == "welcome" } }
            for _ in 1...5 {
                let extra = try RawSocket(port: server.port)
                #expect(await Self.isClosed(extra))
            }
            for client in clients {
                try await client.send(text: #"{"type":"clock_sync","payload":{"t0":1}}"#)
                #expect(try await client.nextJSON()["type"]?.string == "clock_sync")
            }
            #expect(server.log.lines.count { $0.contains("Connections are refused") } == 1)
            await clients[0].abort()
            try await eventually("one connection is left") { server.cap.count == 1 }
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test("Connections per address are limited, unless the address is exempt")
    func addresses() async throws {
        let limits = ConnectionLimits(addressConnections: 2, exemptAddresses: [])
        try await Endpoint.withServer(limits: limits) { server in
            var kept = [try RawSocket(port: server.port), try RawSocket(port: server.port)]
            for socket in kept { #expect(try await Self.status(socket) == "HTTP/1.1 200") }
            let third = try RawSocket(port: server.port)
            #expect(await Self.isClosed(third))
            kept.removeLast().close()
            try await eventually("one connection is left") { server.cap.count == 1 }
            let fourth = try RawSocket(port: server.port)
            #expect(try await Self.status(fourth) == "HTTP/1.1 200")
        }
        try await Endpoint.withServer(limits: ConnectionLimits(addressConnections: 1)) { server in
            let sockets = [try RawSocket(port: server.port), try RawSocket(port: server.port)]
            for socket in sockets { #expect(try await Self.status(socket) == "HTTP/1.1 200") }
        }
    }

    @Test(
        "IPv6 addresses are grouped by their first 64 bits, IPv4 addresses count alone, in any notation",
        arguments: [
            ("192.0.2.7", "192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "32.1.13.184.0.1.0.2/64"),
            ("2001:db8:1:2:ffff::9", "2001:db8:1:2:ffff::9", "32.1.13.184.0.1.0.2/64"),
        ])
    func keys(text: String, name: String, group: String) throws {
        let key = try #require(AddressKey(try SocketAddress(ipAddress: text, port: 1)))
        #expect(key.name == name)
        #expect(key.group == group)
    }

    @Test("When file descriptors run out, accepting pauses and then continues")
    func exhausted() async throws {
        let lines = LogRecorder()
        let cap = ConnectionCap(
            limits: .init(), metrics: EdgeMetrics(factory: NOOPMetricsHandler.instance),
            logger: lines.logger)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptGuard(cap: cap))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let isReading = try await listener.eventLoop.submit {
            for _ in 1...3 {
                listener.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
            }
            return try listener.syncOptions?.getOption(.autoRead)
        }.get()
        #expect(isReading == false)
        #expect(lines.lines.count { $0.contains("Accepting connections failed") } == 1)
        let client = try RawSocket(port: listener.localAddress?.port ?? 0)
        try await eventually("the connection was accepted") { cap.count == 1 }
        client.close()
        try await listener.close()
    }
}
