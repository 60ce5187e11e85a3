import ChildProcesses
import Foundation
import TestSupport
import Testing

/// The command line's output, messages and exit codes.
@Suite("Command line")
struct CommandLineTests {
    struct Result {
        var exit: ChildProcess.Exit
        var output: String
        var errors: String
    }

    static func run(
        _ arguments: [String], environment: [String: String] = [:], in folder: URL? = nil
    ) async throws -> Result {
        let process = try ChildProcess(
            try PackageRoot.executable.path, arguments, environment: environment, workingDirectory: folder)
        let exit = try await process.waitForExit()
        return Result(
            exit: exit,
            output: process.lines.filter { $0.stream == .output }.map(\.text).joined(separator: "\n"),
            errors: process.lines.filter { $0.stream == .error }.map(\.text).joined(separator: "\n"))
    }

    @Test("The shipped devices, dashboards and defaults are valid")
    func checkShipped() async throws {
        let result = try await Self.run(["check"], in: try PackageRoot.directory)
        #expect(result.exit == .exited(0), "\(result.errors)")
        #expect(result.output.hasPrefix("OK: "))
    }

    @Test("An error in a device file has file, line and key, and the exit code for configuration")
    func checkMistake() async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            "device: a\ntopic: sensors/{device}\nmetrics:\n  temperature: {constant: warm}\n", to: "bad.yaml")
        let result = try await Self.run(["check", path], in: folder.url)
        #expect(result.exit == .exited(78))
        #expect(result.errors.contains("\(path):4: metrics.temperature"), "\(result.errors)")
        let simulated = try await Self.run(["simulate", path], in: folder.url)
        #expect(simulated.exit == .exited(78) && simulated.errors.contains("\(path):4: metrics.temperature"))
    }

    @Test("`serve` without a secret fails with the command that creates one")
    func missingSecret() async throws {
        let folder = try TemporaryFolder()
        let result = try await Self.run(["serve", "--dashboards-dir", folder.url.path], in: folder.url)
        #expect(result.exit == .exited(78))
        #expect(result.errors.contains("openssl rand -hex 32"))
    }

    @Test("A port in use is named, with the exit code for unavailable")
    func takenPort() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let result = try await Self.run(
            [
                "serve", "--listen", "127.0.0.1:\(broker.port)", "--mqtt-url", broker.url, "--dashboards-dir",
                folder.url.path,
            ],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret], in: folder.url)
        #expect(result.exit == .exited(69), "\(result.errors)")
        #expect(result.errors.contains("127.0.0.1:\(broker.port)"))
    }

    @Test("The effective settings are printed with masked secrets")
    func printConfig() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("listen: 127.0.0.1:9999\nlimits: {devices: 7}\n", to: "windsock.yaml")
        let result = try await Self.run(
            ["serve", "--print-config", "--mqtt-url", "mqtt://me:hush-hush@broker.example"],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret, "WINDSOCK_LIMITS_DEVICES": "8"], in: folder.url)
        #expect(result.exit == .exited(0))
        #expect(result.output.contains("listen: 127.0.0.1:9999  # windsock.yaml:1: listen"))
        #expect(result.output.contains("limits.devices: 8  # WINDSOCK_LIMITS_DEVICES"))
        #expect(!result.output.contains(GatewayProcess.secret))
        #expect(!result.output.contains("hush-hush"))
    }

    @Test("`serve --print-config` rejects what `serve` rejects, with the same errors")
    func refusedSettings() async throws {
        let folder = try TemporaryFolder()
        let secret = ["WINDSOCK_JWT_SECRET": GatewayProcess.secret]
        let cases: [(environment: [String: String], flags: [String], problem: String)] = [
            ([:], [], "openssl rand -hex 32"),
            (secret, ["--set", "limits.devices=0"], "--set limits.devices"),
            (secret.merging(["WINDSOCK_LIMIT_DEVICES": "8"]) { $1 }, [], "WINDSOCK_LIMIT_DEVICES"),
        ]
        for (environment, flags, problem) in cases {
            let served = try await Self.run(["serve"] + flags, environment: environment, in: folder.url)
            let shown = try await Self.run(
                ["serve", "--print-config"] + flags, environment: environment, in: folder.url)
            #expect(shown.exit == .exited(78))
            #expect(shown.exit == served.exit)
            #expect(shown.errors.contains(problem), "\(shown.errors)")
            #expect(shown.errors == served.errors)
            #expect(shown.output.isEmpty)
        }
    }

    @Test("`tail` prints a JSON object per line, the latest reading and then live ones")
    func tail() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let publisher = try await Publisher(port: broker.port)
        try await publisher.publish(Array(#"{"temperature":20.5}"#.utf8), to: "sensors/kitchen")
        try await eventually("the gateway knows the reading") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text.contains("\nwindsock_devices 1\n")
        }
        let tail = try ChildProcess(
            try PackageRoot.executable.path,
            ["tail", "sensors/+", "--url", "ws://127.0.0.1:\(gateway.port)/ws", "--json"],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret])
        let first = try JSON(parsing: try await tail.waitForLine("the latest reading") { $0.contains("20.5") })
        #expect(first["snapshot"]?.bool == true)
        try await publisher.publish(Array(#"{"temperature":21.25}"#.utf8), to: "sensors/kitchen")
        let second = try JSON(parsing: try await tail.waitForLine("the next reading") { $0.contains("21.25") })
        #expect(second["device"]?.string == "kitchen")
        #expect(second["snapshot"] == nil)
        await publisher.stop()
    }

    @Test("`tail` prints chat messages and device status changes as lines")
    func tailChat() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let publisher = try await Publisher(port: broker.port)
        try await publisher.publish(Array("offline".utf8), to: "sensors/kitchen/status")
        try await eventually("the gateway knows the device") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text.contains("\nwindsock_devices 1\n")
        }
        let tail = try ChildProcess(
            try PackageRoot.executable.path,
            ["tail", "sensors/+", "chat/a", "--url", "ws://127.0.0.1:\(gateway.port)/ws"],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret])
        try await tail.waitForLine("the status") { $0.hasSuffix("sensors/kitchen  is offline (will)") }
        let token = try await GatewayProcess.token(user: "ann", publish: ["chat/#"])
        // Repeated until the room has been joined.
        try await eventually("the message is printed") {
            _ = try await HTTPClientLite.post(
                "\(gateway.url)/api/rooms/messages", json: #"{"room_id":"chat/a","content":"hello"}"#,
                headers: [("Authorization", "Bearer \(token)")])
            return tail.lines.contains { $0.text.hasSuffix("chat/a  ann: hello") }
        }
        await publisher.stop()
    }

    @Test("A running gateway's data can be exported and imported into another")
    func backup() async throws {
        let folder = try TemporaryFolder()
        let other = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let publisher = try await Publisher(port: broker.port)
        for value in 1...20 {
            try await publisher.publish(Array(#"{"temperature":\#(value)}"#.utf8), to: "sensors/kitchen")
        }
        try await eventually("the readings are stored") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text.contains(
                "\nwindsock_ingest_readings_total 20\n")
        }
        let file = other.url.appending(path: "backup.ndjson").path
        let exported = try await Self.run(["export", "--data-dir", folder.url.path, "--output", file])
        #expect(exported.exit == .exited(0) && exported.errors.contains("Exported 20 values"), "\(exported.errors)")
        let imported = try await Self.run(["import", "--data-dir", other.url.path, file])
        #expect(imported.errors.contains("Imported 20 values"), "\(imported.errors)")
        // The serving gateway already has all of it and continues to run.
        let again = try await Self.run(["import", "--data-dir", folder.url.path, file])
        #expect(again.errors.contains("Imported 0 values"), "\(again.errors)")
        try await publisher.publish(Array(#"{"temperature":21}"#.utf8), to: "sensors/kitchen")
        try await eventually("ingest continues") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text.contains(
                "\nwindsock_ingest_readings_total 21\n")
        }
        let missing = try await Self.run(["export", "--data-dir", other.url.appending(path: "none").path])
        #expect(missing.exit == .exited(69) && missing.errors.contains("none/windsock.sqlite does not exist"))
        await publisher.stop()
    }

    @Test("A failed export keeps the earlier file, and a truncated one is reported at import")
    func brokenBackup() async throws {
        let folder = try TemporaryFolder()
        let data = folder.url.appending(path: "data").path
        let time = Date().ISO8601Format()
        let value =
            #"{"table":"reading","device":"a","room_id":"sensors/a","metric":"t","time":"\#(time)","value":1}"#
        let cut = try folder.write("{\"windsock_export\":1}\n\(value)\n", to: "cut.ndjson")
        let imported = try await Self.run(["import", "--data-dir", data, cut])
        #expect(imported.exit == .exited(1))
        #expect(imported.errors.contains("Imported 1 values") && imported.errors.contains("was cut off"))
        // A folder in place of the partial file, so that the export cannot start.
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "backup.ndjson.partial"), withIntermediateDirectories: false)
        let backup = try folder.write("earlier", to: "backup.ndjson")
        let failed = try await Self.run(["export", "--data-dir", data, "--output", backup])
        #expect(failed.exit == .exited(69) && failed.errors.contains(backup), "\(failed.errors)")
        #expect(try String(contentsOfFile: backup, encoding: .utf8) == "earlier")
        let other = folder.url.appending(path: "other.ndjson").path
        let whole = try await Self.run(["export", "--data-dir", data, "--output", other])
        #expect(whole.exit == .exited(0), "\(whole.errors)")
        let last = try String(contentsOfFile: other, encoding: .utf8).split(separator: "\n").last
        #expect(last == #"{"windsock_export_end":1,"values":1,"rows":1}"#)
        let again = try await Self.run(["import", "--data-dir", data, other])
        #expect(again.exit == .exited(0) && again.errors.contains("Imported 0 values"), "\(again.errors)")
    }

    @Test("`check` explains how the routes and each convention decode a payload")
    func checkPayload() async throws {
        let folder = try TemporaryFolder()
        let good = try folder.write(#"{"temperature":21.5}"#, to: "good.json")
        let taken = try await Self.run(["check", "--payload", good, "--topic", "sensors/kitchen"], in: folder.url)
        #expect(taken.exit == .exited(0))
        #expect(taken.output.contains("kitchen in sensors/kitchen"))
        #expect(taken.output.contains("senml: no: the SenML pack is an object"))
        let bad = try folder.write("warm", to: "bad.txt")
        let refused = try await Self.run(["check", "--payload", bad, "--topic", "sensors/kitchen/t"], in: folder.url)
        #expect(refused.exit == .exited(1))
        #expect(refused.output.contains("not decoded (no_number)"))
        let elsewhere = try await Self.run(["check", "--payload", bad, "--topic", "elsewhere"], in: folder.url)
        #expect(elsewhere.output.contains("no route matches the topic"))
    }

    @Test("`check` shows what a mapping makes of a payload, and which fields are ignored")
    func checkMapping() async throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(
            """
            routes:
            - topic: doors/{device}
              paths: {values: data}
              metrics: {battery: {path: mv, scale: 0.001, unit: V}}
              states: {open: 1, closed: 0}
            """, to: "windsock.yaml")
        let payload = try folder.write(#"{"data":{"door":"open","mode":"x"},"mv":3300}"#, to: "payload.json")
        let result = try await Self.run(["check", "--payload", payload, "--topic", "doors/front"], in: folder.url)
        #expect(result.exit == .exited(0), "\(result.output)")
        #expect(result.output.contains("door 1, battery 3.3 V"), "\(result.output)")
        #expect(result.output.contains("ignored: mode (string)"))
        #expect(result.output.contains("matched by the route doors/{device}, which maps the payload"))
    }

    @Test("`check` counts what it checked, and warns about settings without effect")
    func checkWarnings() async throws {
        let folder = try TemporaryFolder()
        let dashboards = try TemporaryFolder()
        _ = try folder.write(
            """
            routes:
            - topic: a/#
            - topic: a/{device}
            alerts:
            - {name: hot, metric: temperature, above: 30}
            """, to: "windsock.yaml")
        let result = try await Self.run(["check", "--dashboards-dir", dashboards.url.path], in: folder.url)
        #expect(result.exit == .exited(0), "\(result.errors)")
        #expect(result.errors.hasPrefix("Warning: windsock.yaml:3: topic: the route a/{device} is never used"))
        #expect(result.output == "OK: 2 routes, 1 alert rule, 0 dashboards")
    }

    @Test(
        "A role is a set of grants, to which flags add more",
        arguments: [
            ("viewer", ["sensors/#", "chat/lobby"], [], false),
            ("operator", ["#", "chat/lobby"], ["chat/#"], true),
            ("admin", ["#", "chat/lobby"], ["#", "users/+"], true),
        ])
    func roles(role: String, join: [String], publish: [String], notify: Bool) async throws {
        let issued = try await Self.run(
            ["token", "--user", "ann", "--role", role, "--join", "chat/lobby"],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret])
        #expect(issued.exit == .exited(0), "\(issued.errors)")
        var payload = String(try #require(issued.output.split(separator: ".").dropFirst().first))
            .replacing("-", with: "+").replacing("_", with: "/")
        payload += String(repeating: "=", count: (4 - payload.count % 4) % 4)
        let content = try #require(Data(base64Encoded: payload))
        let claims = try JSON(parsing: String(decoding: content, as: UTF8.self))
        #expect(claims["join"]?.array?.compactMap(\.string) == join)
        #expect(claims["publish"]?.array?.compactMap(\.string) ?? [] == publish)
        #expect(claims["notify"]?.bool ?? false == notify)
        let unknown = try await Self.run(["token", "--user", "ann", "--role", "boss"])
        #expect(unknown.exit == .exited(64) && unknown.errors.contains("viewer"), "\(unknown.errors)")
    }

    @Test("`tail` without a valid token ends with an error")
    func tailRefused() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        let result = try await Self.run(
            ["tail", "sensors/#", "--url", "ws://127.0.0.1:\(gateway.port)/ws", "--token", "not-a-token"])
        #expect(result.exit == .exited(69))
        #expect(result.errors.contains("401"))
        #expect(!gateway.process.lines.contains { $0.text.contains("not-a-token") })
    }
}
