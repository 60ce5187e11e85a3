import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Signals sent by operators and their tools stop a daemon only when they request it.
@Suite("Signals", .serialized)
struct SignalTests {
    @Test("SIGHUP reloads dashboards and keys, other signals are ignored, SIGTERM shuts down gracefully")
    func signals() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let boards = folder.url.appending(path: "boards")
        try FileManager.default.createDirectory(at: boards, withIntermediateDirectories: true)
        try folder.write(Self.dashboard("First"), to: "boards/first.yaml")
        let keys = try folder.write(Self.keys, to: "keys.json")
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url,
            arguments: ["--dashboards-dir", boards.path, "--set", "jwt.jwks=\(keys)"])
        let token = try await GatewayProcess.token()
        func dashboards() async throws -> String {
            try await HTTPClientLite.get(
                "\(gateway.url)/api/dashboards", headers: [("Authorization", "Bearer \(token)")]
            ).text
        }
        #expect(try await dashboards().contains("First"))

        for number in [SIGUSR1, SIGUSR2, SIGALRM] { gateway.process.signal(number) }
        try folder.write(Self.dashboard("Second"), to: "boards/second.yaml")
        gateway.process.signal(SIGHUP)
        try await gateway.process.waitForLine("the reload") { $0.contains("Dashboards were reloaded") }
        #expect(try await dashboards().contains("Second"))

        try folder.write("title: [", to: "boards/second.yaml")
        try folder.write("{", to: "keys.json")
        gateway.process.signal(SIGHUP)
        try await gateway.process.waitForLine("the mistake") { $0.contains("second.yaml") }
        try await gateway.process.waitForLine("the keys' mistake") { $0.contains("Token keys could not be refreshed") }
        #expect(try await dashboards().contains("Second"), "an invalid file keeps its earlier version")
        #expect(try await gateway.process.terminate() == .exited(0))
    }

    private static func dashboard(_ title: String) -> String {
        "title: \(title)\nrooms: [sensors/a]\npanels: [{type: value, title: T, devices: [a], metrics: [t]}]\n"
    }

    /// A public key that belongs to no user.
    private static let keys = """
        {"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"1",\
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
        """
}
