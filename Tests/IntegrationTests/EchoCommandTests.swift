import ChildProcesses
import Foundation
import NIOCore
import TestSupport
import Testing
import WebSocketClient

/// `windsock-echo` as conformance suites use it: it prints its URL, echoes there, and ends on a signal.
@Suite("Echo command", .serialized, .timeLimit(.minutes(2)))
struct EchoCommandTests {
    @Test("Messages are echoed at the printed URL until a signal ends the program", arguments: [SIGTERM, SIGINT])
    func plain(_ signal: Int32) async throws {
        let echo = try Self.start([])
        let url = try await echo.waitForLine("its URL") { $0.hasPrefix("ws://127.0.0.1:") && $0.hasSuffix("/echo") }
        let client = try await WebSocketClient.connect(url: url)
        try await Self.expectEcho(client)
        echo.signal(signal)
        #expect(await client.closed().code == 1001)
        #expect(try await echo.waitForExit() == .exited(0))
    }

    @Test("With a certificate, the printed URL and the connection are wss")
    func secure() async throws {
        let certificate = try await TestCertificate()
        let echo = try Self.start(["--certificate-file", certificate.file, "--key-file", certificate.keyFile])
        let url = try await echo.waitForLine("its URL") { $0.hasPrefix("wss://127.0.0.1:") }
        var configuration = WebSocketClientConfiguration()
        configuration.caFile = certificate.file
        let client = try await WebSocketClient.connect(url: url, configuration: configuration)
        try await Self.expectEcho(client)
        await client.close()
        #expect(try await echo.terminate() == .exited(0))
    }

    @Test(
        "Mistakes are named",
        arguments: [
            (["--listen", "nowhere"], "\"nowhere\" is not a valid address"),
            (["--key-file", "k.pem"], "require each other"),
            (["--certificate-file", "no.pem", "--key-file", "no.pem"], "no.pem is not a valid PEM certificate"),
            (["--listen", "192.0.2.1:9001"], "Cannot listen on 192.0.2.1:9001"),
        ])
    func mistakes(_ arguments: [String], _ words: String) async throws {
        let echo = try ChildProcess(try PackageRoot.executable("windsock-echo").path, arguments)
        #expect(try await echo.waitForExit() != .exited(0))
        #expect(echo.tail.contains(words), "\(echo.tail)")
    }

    private static func start(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess(
            try PackageRoot.executable("windsock-echo").path, ["--listen", "127.0.0.1:0"] + arguments)
    }

    private static func expectEcho(_ client: WebSocketClient) async throws {
        try await client.send(text: "κόσμε")
        #expect(try await client.next()?.text == "κόσμε")
        let bytes = ByteBuffer(bytes: (0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
        try await client.send(binary: bytes)
        guard case .binary(let echoed) = try await client.next() else {
            Issue.record("the answer is not binary")
            return
        }
        #expect(echoed == bytes)
    }
}
