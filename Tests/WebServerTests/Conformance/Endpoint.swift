import Foundation
import NIOCore
import TestSupport
import Testing

@testable import WebServer

/// The WebSocket endpoints of the gateway and of the echo server. They share the framing code and must follow the same
/// rules.
enum Endpoint: String, CaseIterable, CustomTestStringConvertible {
    case stream = "/ws"
    case echo = "/echo"

    var testDescription: String { rawValue }

    /// Whether the servers accept TLS only. `scripts/test` runs these tests a second time that way.
    static let isSecure = ProcessInfo.processInfo.environment["WINDSOCK_TEST_TLS"] != nil

    /// Runs `body` with a server for each endpoint, and always stops it afterwards.
    static func withServer(
        limits: ConnectionLimits = ConnectionLimits(closeTimeout: .milliseconds(300)), webDirectory: String? = nil,
        certificate: TestCertificate? = nil,
        _ body: (LiveServer) async throws -> Void
    ) async throws {
        var certificate = certificate
        if certificate == nil, isSecure { certificate = try await TestCertificate() }
        let server = try await LiveServer(
            limits: limits, webDirectory: webDirectory, hasEcho: true, certificate: certificate)
        do {
            try await body(server)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    /// Returns a handshake that the server accepts.
    func handshake(_ server: LiveServer) async throws -> RawHandshake {
        RawHandshake(rawValue, token: self == .stream ? try await server.token() : nil)
    }

    /// Opens a client past the handshake and the greeting, if there is one.
    func open(_ server: LiveServer, receiveBufferBytes: Int32? = nil) async throws -> RawWebSocket {
        let client = try RawWebSocket(port: server.port(of: self), receiveBufferBytes: receiveBufferBytes)
        try await client.send(try await handshake(server).bytes)
        let status = try await client.response().status
        guard status == 101 else { throw RawSocket.Failure("the handshake was answered with \(status)") }
        try await greeted(client)
        return client
    }

    /// Reads the greeting of `/ws`. The echo endpoint sends none.
    func greeted(_ client: RawWebSocket) async throws {
        guard self == .stream else { return }
        let welcome = try await client.frame()
        #expect(welcome?.text.hasPrefix(#"{"type":"welcome""#) == true)
    }

    /// Returns a text of at least 64 bytes that the endpoint answers.
    func text(byteCount: Int = 64, id: String = "1") -> String {
        let command = #"{"type":"clock_sync","id":"\#(id)","payload":{"t0":1}}"#
        return command + String(repeating: " ", count: max(0, byteCount - command.utf8.count))
    }

    /// Expects that the next frame is the answer to that text.
    func expectAnswer(
        to text: String, id: String = "1", _ client: RawWebSocket, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let frame = try await client.frame()
        switch self {
        case .echo: #expect(frame == .text(text), sourceLocation: sourceLocation)
        case .stream:
            #expect(frame?.opcode == 1 && frame?.isFinal == true, sourceLocation: sourceLocation)
            #expect(frame?.text.contains(#""type":"clock_sync""#) == true, sourceLocation: sourceLocation)
            #expect(frame?.text.contains(#""id":"\#(id)""#) == true, sourceLocation: sourceLocation)
        }
    }
}
