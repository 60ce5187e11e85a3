import NIOCore
import Realtime
import TestSupport
import Testing

@testable import WebServer

/// Connection closing (RFC 6455 sections 5.5.1 and 7), over raw sockets.
@Suite("RFC 6455 closing", .serialized)
struct ClosingConformanceTests {
    static let allowedCodes: [UInt16] = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ]
    static let forbiddenCodes: [UInt16] = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]

    @Test("A close code is echoed, and the server closes the connection (5.5.1)", arguments: Endpoint.allCases)
    func allowed(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed(
            Self.allowedCodes.map { Breach("7.4", "code \($0)", ClientFrame.close($0), code: $0) })
    }

    @Test("A forbidden close code is answered with 1002 (7.4)", arguments: Endpoint.allCases)
    func forbidden(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed(
            Self.forbiddenCodes.map { Breach("7.4", "code \($0)", ClientFrame.close($0)) }
                + [Breach("5.5.1", "half a code", ClientFrame.bytes(8, [3]))])
    }

    @Test("A close frame without a code is answered with none or 1000 (5.5.1)", arguments: Endpoint.allCases)
    func noCode(_ endpoint: Endpoint) async throws {
        let answer: UInt16? = endpoint == .echo ? nil : 1000
        try await endpoint.expectClosed([Breach("5.5.1", "no code", ClientFrame.bytes(8, []), code: answer)])
    }

    @Test("A reason is UTF-8 and fits into a control frame (5.5, 5.5.1)", arguments: Endpoint.allCases)
    func reasons(_ endpoint: Endpoint) async throws {
        let good = [1, 122, 123].map { count in
            Breach("5.5", "\(count) bytes", ClientFrame.close(4000, String(repeating: "r", count: count)), code: 4000)
        }
        let wide = Breach("5.5.1", "ü", ClientFrame.close(1000, String(repeating: "ü", count: 61)), code: 1000)
        let bad = ([[0xFF], [0xC3], [0x6F, 0x6B, 0xED, 0xA0, 0x80]] as [[UInt8]]).map { bytes in
            Breach("8.1", "reason \(bytes)", ClientFrame.bytes(8, [3, 232] + bytes), code: 1007)
        }
        try await endpoint.expectClosed(good + [wide] + bad)
    }

    @Test(
        "Frames after a close frame are ignored, and the server sends nothing after its own (5.5.1)",
        arguments: Endpoint.allCases)
    func afterClose(_ endpoint: Endpoint) async throws {
        let more = [ClientFrame.text(endpoint.text()), ClientFrame.bytes(9, [1]), ClientFrame.close(1001), [0xFF]]
        try await endpoint.expectClosed(
            more.map { Breach("5.5.1", "and \($0)", ClientFrame.close(1000), $0, code: 1000) })
    }

    @Test("Messages before a close frame are answered first (5.5.1)", arguments: [1, 2])
    func beforeClose(_ opcode: UInt8) async throws {
        try await Endpoint.withServer { server in
            let client = try await Endpoint.echo.open(server)
            let payload = [UInt8](repeating: 65, count: 1 << 20)
            try await client.send(
                ClientFrame.header(opcode, count: 1 << 20, lengthByteCount: 8), payload, ClientFrame.close(1000))
            #expect(try await client.frame() == ReceivedFrame(opcode: opcode, payload: ByteBuffer(bytes: payload)))
            #expect(try await client.closed() == 1000)
        }
    }

    @Test("An incomplete fragmented message does not delay closing (5.4)", arguments: Endpoint.allCases)
    func insideAMessage(_ endpoint: Endpoint) async throws {
        try await endpoint.expectClosed([
            Breach("5.4", "inside", ClientFrame.text("begun", isFinal: false), ClientFrame.close(1000), code: 1000)
        ])
    }

    @Test("A client that continues to send after a violation still gets the close frame (7.1.1)")
    func goesOn() async throws {
        for endpoint in Endpoint.allCases {
            try await Endpoint.withServer(limits: ConnectionLimits(closeTimeout: .seconds(2))) { server in
                let client = try await endpoint.open(server)
                try await client.send(ClientFrame.bytes(3, []))
                for _ in 0..<20 { try await client.send(ClientFrame.text(endpoint.text())) }
                #expect(try await client.closed() == 1002)
            }
        }
    }

    @Test(
        "A client that closes its half without a close frame gets all pending messages, then the end",
        arguments: Endpoint.allCases)
    func halfClosed(_ endpoint: Endpoint) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server, receiveBufferBytes: 4096)
            let payload = [UInt8](repeating: 66, count: 1 << 20)
            let message = ClientFrame.header(2, count: 1 << 20, lengthByteCount: 8) + payload
            let count = endpoint == .echo ? 6 : 0
            for _ in 0..<count { try await client.send(message) }
            client.socket.finishSending()
            for _ in 0..<count { #expect(try await client.frame() == .binary(payload)) }
            #expect(try await client.frame() == nil)
            try await expectNobody(server)
        }
    }

    @Test(
        "A client that vanishes within a frame is removed; others are still served",
        arguments: Endpoint.allCases, [0, 1, 3, 20])
    func reset(_ endpoint: Endpoint, _ sent: Int) async throws {
        try await Endpoint.withServer { server in
            let client = try await endpoint.open(server)
            try await client.send(Array(ClientFrame.text(endpoint.text()).prefix(sent)))
            client.socket.reset()
            try await expectNobody(server)
            let other = try await endpoint.open(server)
            try await other.send(ClientFrame.text(endpoint.text()))
            try await endpoint.expectAnswer(to: endpoint.text(), other)
        }
    }

    @Test("At shutdown, connections are closed with 1001 (7.4.1)", arguments: Endpoint.allCases)
    func shutdown(_ endpoint: Endpoint) async throws {
        let limits = ConnectionLimits(closeTimeout: .milliseconds(300))
        let server = try await LiveServer(limits: limits, hasEcho: true)
        let client = try await endpoint.open(server)
        async let stopped: Void = server.stop()
        #expect(try await client.closed() == 1001)
        try await stopped
    }

    /// Expects that the hub has removed all its clients.
    private func expectNobody(_ server: LiveServer) async throws {
        try await eventually("no client is connected") { server.hub.presence.clientCount == 0 }
    }
}
