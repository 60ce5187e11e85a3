import ChildProcesses
import Foundation
import MQTTTransport
import TestSupport
import Testing

@Suite("TLS and authentication of broker connections")
struct SecurityTests {
    /// A TLS broker that can require client certificates.
    private static func tlsBroker(
        requiresCertificate: Bool = false, server: String = "server"
    ) async throws -> (MosquittoBroker, Certificates) {
        // mosquitto reads its files at startup, so they are created first.
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        _ = try await Certificates(in: folder)
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            files[name] = try Data(contentsOf: folder.appending(path: name))
        }
        let broker = try await MosquittoBroker.start(
            configuration: [
                "cafile %FOLDER%/ca.pem", "certfile %FOLDER%/\(server).pem", "keyfile %FOLDER%/\(server).key",
                "require_certificate \(requiresCertificate)",
            ], files: files)
        return (broker, Certificates(existingIn: broker.folder))
    }

    @Test("Large messages pass in both directions over TLS with a private certificate authority")
    func tls() async throws {
        let (broker, certificates) = try await Self.tlsBroker()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "tls", filters: ["t"]).with {
            $0.tls = MQTTTLSConfiguration(caFile: certificates.path("ca.pem"))
            $0.maxBatchMessages = 1
        }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            let texts = (1...50).map { String(repeating: "\($0 % 10)", count: 100 * $0 * $0) }
            for text in texts { try client.publish(MQTTPublication(text, to: "t")) }
            try await eventually("all arrived") { recorder.texts.count == texts.count }
            #expect(recorder.texts == texts)
        }
    }

    @Test("A client certificate is presented on request, and a missing one is reported as the reason")
    func clientCertificate() async throws {
        let (broker, certificates) = try await Self.tlsBroker(requiresCertificate: true)
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "cert").with {
            $0.tls = MQTTTLSConfiguration(
                caFile: certificates.path("ca.pem"), certificateFile: certificates.path("client.pem"),
                keyFile: certificates.path("client.key"))
        }
        try await withClient(configuration) { try await $0.waitUntilConnected() }
        let log = StateLog()
        let without = configuration.with { $0.tls = MQTTTLSConfiguration(caFile: certificates.path("ca.pem")) }
        try await withClient(without, log: log) { _ in
            try await eventually("it was refused") { !log.failures.isEmpty }
        }
        #expect(log.levels.isEmpty)
        guard case .tlsFailed(let reason) = log.failures[0] else {
            Issue.record("\(log.failures[0])")
            return
        }
        #expect(reason.contains("certificate"))
    }

    @Test("A broker with an untrusted certificate is rejected")
    func untrusted() async throws {
        let (broker, certificates) = try await Self.tlsBroker()
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "careful").with {
            $0.tls = MQTTTLSConfiguration(caFile: certificates.path("other-ca.pem"))
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("it was refused") { !log.failures.isEmpty }
        }
        #expect(log.failures[0] == .tlsFailed("certificate verify failed"))
    }

    @Test("A broker whose certificate is for another name is rejected")
    func otherName() async throws {
        let (broker, certificates) = try await Self.tlsBroker(server: "stranger")
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "names").with {
            $0.tls = MQTTTLSConfiguration(caFile: certificates.path("ca.pem"))
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("it was refused") { !log.failures.isEmpty }
        }
        guard case .tlsFailed = log.failures[0] else {
            Issue.record("\(log.failures[0])")
            return
        }
        #expect(log.levels.isEmpty)
    }

    @Test("A reset during the TLS handshake is noticed at once")
    func reset() async throws {
        let broker = try ScriptedBroker { connection, _ in try connection.reset() }
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "reset").with {
            $0.tls = MQTTTLSConfiguration()
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("two resets were noticed") { log.failures.count >= 2 }
        }
    }

    @Test("A valid password is accepted; a wrong one is reported as refused and never logged")
    func password() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-passwd-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let create = try ChildProcess("mosquitto_passwd", ["-c", "-b", folder.path, "gateway", "correct-horse"])
        #expect(try await create.waitForExit() == .exited(0))
        let broker = try await MosquittoBroker.start(
            anonymous: false, configuration: ["password_file %FOLDER%/passwords"],
            files: ["passwords": try Data(contentsOf: folder)])
        let log = LogRecorder()
        let states = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "door").with {
            $0.username = "gateway"
            $0.password = "wrong-zebra"
        }
        try await withClient(configuration, log: states, logger: log.logger) { client in
            try await eventually("it was refused twice") { states.failures.count >= 2 }
        }
        #expect(states.failures.allSatisfy { $0.isPermanent && "\($0)".contains("not authorized") })
        try await withClient(configuration.with { $0.password = "correct-horse" }, logger: log.logger) {
            try await $0.waitUntilConnected()
        }
        #expect(log.text.contains("not authorized"))
        #expect(!log.text.contains("wrong-zebra") && !log.text.contains("correct-horse"))
    }
}
