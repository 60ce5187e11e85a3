import ChildProcesses
import Foundation
import TestSupport
import Testing

/// What goes wrong for a new user is said in plain words, with what to do.
@Suite("Command line mistakes")
struct CommandLineMistakeTests {
    private static let secret = ["WINDSOCK_JWT_SECRET": GatewayProcess.secret]

    @Test("An unknown command is named, with the one that was probably meant")
    func unknownCommand() async throws {
        let result = try await CommandLineTests.run(["srve"])
        #expect(result.exit == .exited(64))
        #expect(result.errors.contains("unknown command 'srve'; did you mean \"serve\"? allowed: init, serve"))
        #expect(try await CommandLineTests.run(["help"]).exit == .exited(0))
        #expect(try await CommandLineTests.run(["--version"]).exit == .exited(0))
    }

    @Test("A configuration file that does not exist is named, with the flag or variable that names it")
    func missingFile() async throws {
        let flag = try await CommandLineTests.run(["serve", "--config", "none.yaml"], environment: Self.secret)
        #expect(flag.exit == .exited(78))
        #expect(flag.errors.contains("--config: the file none.yaml does not exist"), "\(flag.errors)")
        let variable = try await CommandLineTests.run(
            ["check"], environment: ["WINDSOCK_CONFIG": "none.yaml"])
        #expect(variable.errors.contains("WINDSOCK_CONFIG: the file none.yaml does not exist"), "\(variable.errors)")
    }

    @Test("A data directory that cannot be used is named with the reason")
    func dataDirectory() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("", to: "data")
        let cases = [(file, "it is a file, not a directory."), ("/proc/windsock", "No such file or directory.")]
        for (path, reason) in cases {
            let result = try await CommandLineTests.run(
                ["serve", "--data-dir", path], environment: Self.secret, in: folder.url)
            #expect(result.exit == .exited(69))
            #expect(result.errors.contains(path) && result.errors.hasSuffix(reason), "\(result.errors)")
        }
    }

    @Test("A taken port is found before the broker is contacted")
    func takenPort() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start(configuration: ["log_type all"])
        let first = try await GatewayProcess(
            mqttURL: "mqtt://127.0.0.1:\(broker.port)", dataDirectory: folder.url,
            arguments: ["--set", "mqtt.client_id=gateway"])
        let other = try TemporaryFolder()
        let second = try await CommandLineTests.run(
            [
                "serve", "--listen", "127.0.0.1:\(first.port)", "--mqtt-url", broker.url, "--data-dir", other.url.path,
                "--set", "mqtt.client_id=gateway",
            ], environment: Self.secret)
        #expect(second.exit == .exited(69) && second.errors.contains("127.0.0.1:\(first.port)"), "\(second.errors)")
        // The same client id would have taken the session over.
        let metrics = try await HTTPClientLite.get("\(first.url)/metrics").text
        #expect(metrics.contains("\nwindsock_mqtt_connects_total 1\n"))
        #expect(!first.process.lines.contains { $0.text.contains("connection to the broker was lost") })
    }

    @Test("Without a broker the gateway says that no readings arrive, and is ready when the broker is there")
    func unreachableBroker() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        try await broker.terminate()
        let gateway = try ChildProcess(
            try PackageRoot.executable.path,
            [
                "serve", "--listen", "127.0.0.1:\(try FreePort.reserve())", "--mqtt-url", broker.url, "--data-dir",
                folder.url.path,
            ], environment: Self.secret, workingDirectory: folder.url)
        let line = try await gateway.waitForLine("that it listens") { $0.contains("Listening at http://") }
        #expect(line.contains("the broker cannot be reached") && line.contains("\(broker.port)"))
        #expect(!gateway.lines.contains { $0.text.contains("Ready: ") })
        try await broker.restart()
        try await gateway.waitForLine("that it is ready", within: .seconds(60)) { $0.contains("Ready: http://") }
        #expect(try await gateway.terminate() == .exited(0))
    }

    @Test("`tail` says whether there is no gateway, the token has expired, or it is not valid")
    func tail() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let nobody = try FreePort.reserve()
        let absent = try await CommandLineTests.run(
            ["tail", "sensors/#", "--url", "ws://127.0.0.1:\(nobody)/ws", "--token", "x"])
        #expect(absent.exit == .exited(69))
        #expect(
            absent.errors.contains(
                "No gateway answers at ws://127.0.0.1:\(nobody)/ws: 127.0.0.1:\(nobody): Connection refused."),
            "\(absent.errors)")
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        let short = try ChildProcess(
            try PackageRoot.executable.path, ["token", "--user", "a", "--role", "viewer", "--ttl", "1s"],
            environment: Self.secret)
        try await short.waitForExit()
        let expired = try #require(short.output.first)
        try await eventually("the token has expired") {
            try await HTTPClientLite.get(
                "\(gateway.url)/api/devices", headers: [("Authorization", "Bearer \(expired)")]
            ).status == 401
        }
        for (token, reason) in [(expired, "The token has expired."), ("not-a-token", "The token is not valid")] {
            let refused = try await CommandLineTests.run(
                ["tail", "sensors/#", "--url", "ws://127.0.0.1:\(gateway.port)/ws", "--token", token])
            #expect(refused.exit == .exited(69))
            #expect(refused.errors.contains("The gateway refused the token (401): \(reason)"), "\(refused.errors)")
            #expect(!refused.errors.contains(token))
        }
    }
}
