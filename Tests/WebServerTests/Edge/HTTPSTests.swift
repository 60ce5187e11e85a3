import ChildProcesses
import Foundation
import NIOCore
import Realtime
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// HTTP and WebSocket over TLS with the gateway's own certificate.
@Suite("HTTPS")
struct HTTPSTests {
    /// Returns the output of `openssl s_client` with these options.
    private func client(_ port: Int, _ arguments: String...) async throws -> String {
        let process = try ChildProcess(
            "openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-servername", "localhost"] + arguments)
        _ = try await process.waitForExit()
        return process.lines.filter { $0.stream == .output }.map(\.text).joined(separator: "\n")
    }

    @Test("Pages, API and WebSockets are served over TLS, and readings arrive")
    func serving() async throws {
        let certificate = try await TestCertificate()
        try await Endpoint.withServer(certificate: certificate) { server in
            #expect(try await server.get("/livez").status == 200)
            let token = try await server.token()
            #expect(try await server.get("/api/rooms", token: token).status == 200)
            let client = try await WebSocketClient.connect(
                url: "wss://localhost:\(server.serverPort)/ws", headers: [("Authorization", "Bearer \(token)")],
                configuration: WebSocketClientConfiguration(caFile: certificate.file))
            try await client.send(text: #"{"type":"join_room","payload":{"room_id":"sensors/a"}}"#)
            _ = try await client.nextJSON("joined") { $0["type"]?.string == "joined" }
            try server.publish("a", [("t", 1)])
            _ = try await client.nextJSON("the reading") { $0["type"]?.string == "data_update" }
            await client.close()
        }
    }

    @Test("A client that does not trust the certificate or expects another name does not connect")
    func trust() async throws {
        let certificate = try await TestCertificate("DNS:other.example")
        try await Endpoint.withServer(certificate: certificate) { server in
            for caFile in [nil, certificate.file] {
                await #expect(throws: WebSocketClientError.self) {
                    _ = try await WebSocketClient.connect(
                        url: "wss://localhost:\(server.serverPort)/ws",
                        configuration: WebSocketClientConfiguration(caFile: caFile))
                }
            }
        }
    }

    @Test("TLS 1.2 and 1.3 are accepted, 1.1 is rejected")
    func versions() async throws {
        try await Endpoint.withServer(certificate: try await TestCertificate()) { server in
            #expect(try await client(server.serverPort, "-tls1_2").contains("Protocol  : TLSv1.2"))
            #expect(try await client(server.serverPort, "-tls1_3").contains("TLSv1.3"))
            let old = try await client(server.serverPort, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
            #expect(old.contains("no peer certificate available"), "\(old)")
        }
    }

    @Test("A client that stops during its TLS handshake is disconnected by the timeout")
    func slowHandshake() async throws {
        let server = try await LiveServer(
            limits: ConnectionLimits(handshakeTimeout: .milliseconds(200)), certificate: try await TestCertificate())
        let client = try RawSocket(port: server.serverPort)
        try await client.send([22])
        #expect(try await client.text(mayReset: true) == "")
        try await server.stop()
    }

    @Test("Plain HTTP is answered with a hint to use https, other bytes close the connection")
    func plain() async throws {
        try await Endpoint.withServer(certificate: try await TestCertificate()) { server in
            let browser = try RawSocket(port: server.serverPort)
            try await browser.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            let answer = try await browser.text()
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("https://"))
            let stranger = try RawSocket(port: server.serverPort)
            try await stranger.send([0, 1, 2, 3])
            #expect(try await stranger.text(mayReset: true) == "")
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test("Changed certificate files are loaded; invalid ones keep the old certificate")
    func reloading() async throws {
        let certificate = try await TestCertificate()
        try await Endpoint.withServer(certificate: certificate) { server in
            let first = try await shown(server)
            let next = try await TestCertificate()
            try replace(certificate.keyFile, with: next.keyFile)
            try await eventually("the mismatched key was rejected") {
                server.log.lines.contains { $0.contains("does not match the first certificate") }
            }
            #expect(try await shown(server) == first)
            try replace(certificate.file, with: next.file)
            try await eventually("the new certificate is presented") { try await shown(server) != first }
            #expect(!server.log.lines.contains { $0.contains("PRIVATE KEY") })
        }
    }

    /// Returns the certificate presented to a new connection.
    private func shown(_ server: LiveServer) async throws -> String {
        let output = try await client(server.serverPort)
        let begin = try #require(output.firstRange(of: "-----BEGIN"), "\(output)")
        let end = try #require(output.firstRange(of: "-----END"))
        return String(output[begin.lowerBound..<end.lowerBound])
    }

    private func replace(_ path: String, with other: String) throws {
        try Data(contentsOf: URL(filePath: other)).write(to: URL(filePath: path), options: .atomic)
    }
}
