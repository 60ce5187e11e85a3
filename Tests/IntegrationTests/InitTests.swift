import ChildProcesses
import Foundation
import TestSupport
import Testing

/// A new user has a running gateway with two commands, and nothing of theirs is overwritten.
@Suite("Init and install")
struct InitTests {
    @Test("`init` writes a folder whose printed commands work, with a secret that only its owner can read")
    func initialized() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let written = try await CommandLineTests.run(["init", "my gateway"], in: folder.url)
        #expect(written.exit == .exited(0), "\(written.errors)")
        let gateway = folder.url.appending(path: "my gateway")
        for path in ["windsock.yaml", "dashboards/overview.yaml", "devices/data/office.csv", "alerts/demo.yaml"] {
            #expect(FileManager.default.fileExists(atPath: gateway.appending(path: path).path), "\(path)")
        }
        let secret = gateway.appending(path: "jwt-secret").path
        let mode = try FileManager.default.attributesOfItem(atPath: secret)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try await CommandLineTests.run(["check"], in: gateway).exit == .exited(0))

        // The printed commands, with the test's broker and port.
        let commands = written.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.hasPrefix("cd ") }
        let serve = try #require(commands.first { $0.hasSuffix(" serve") })
        let issue = try #require(commands.first { $0.contains(" token ") })
        let port = try FreePort.reserve()
        let process = try ChildProcess(
            "/bin/sh", ["-c", serve.replacing(" && ", with: " && exec ")],
            environment: ["WINDSOCK_LISTEN": "127.0.0.1:\(port)", "WINDSOCK_MQTT_URL": broker.url],
            workingDirectory: folder.url)
        try await process.waitForLine("that it is ready") { $0.contains("Ready: http://") }
        let signed = try ChildProcess("/bin/sh", ["-c", issue], workingDirectory: folder.url)
        #expect(try await signed.waitForExit() == .exited(0), "\(signed.tail)")
        let answer = try await HTTPClientLite.get(
            "http://127.0.0.1:\(port)/api/dashboards",
            headers: [("Authorization", "Bearer \(try #require(signed.output.first))")])
        #expect(answer.status == 200 && answer.text.contains("overview"))
        #expect(try await HTTPClientLite.get("http://127.0.0.1:\(port)/").status == 200)
        #expect(try await process.terminate() == .exited(0))
    }

    @Test("A file that is in the way is named, and nothing is written")
    func inTheWay() async throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "alerts"), withIntermediateDirectories: true)
        try folder.write("mine", to: "alerts/demo.yaml")
        let refused = try await CommandLineTests.run(["init"], in: folder.url)
        #expect(refused.exit == .exited(1) && refused.errors.contains("alerts/demo.yaml exists already"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["alerts"])
        #expect(try String(contentsOf: folder.url.appending(path: "alerts/demo.yaml"), encoding: .utf8) == "mine")
    }

    @Test("`make install` installs a program that works from any directory")
    func installed() async throws {
        let folder = try TemporaryFolder()
        let make = try ChildProcess(
            try #require(ChildProcess.find("make")),
            [
                "install", "BINARY=\(try PackageRoot.executable.path)", "DESTDIR=\(folder.url.path)", "PREFIX=/opt/x",
            ], workingDirectory: try PackageRoot.directory)
        #expect(try await make.waitForExit(within: .seconds(60)) == .exited(0), "\(make.tail)")
        let prefix = folder.url.appending(path: "opt/x")
        #expect(FileManager.default.fileExists(atPath: prefix.appending(path: "share/windsock/alerts/demo.yaml").path))
        let elsewhere = try TemporaryFolder()
        let shown = try ChildProcess(
            prefix.appending(path: "bin/windsock").path, ["serve", "--print-config"],
            environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret], workingDirectory: elsewhere.url)
        #expect(try await shown.waitForExit() == .exited(0), "\(shown.tail)")
        let directory = shown.output.first { $0.hasPrefix("dashboards_dir: ") }
        #expect(directory?.contains("opt/x/share/windsock/dashboards") == true, "\(directory ?? "")")
        let removed = try ChildProcess(
            try #require(ChildProcess.find("make")),
            ["uninstall", "DESTDIR=\(folder.url.path)", "PREFIX=/opt/x"],
            workingDirectory: try PackageRoot.directory)
        #expect(try await removed.waitForExit() == .exited(0), "\(removed.tail)")
        #expect(!FileManager.default.fileExists(atPath: prefix.appending(path: "bin/windsock").path))
        #expect(!FileManager.default.fileExists(atPath: prefix.appending(path: "share/windsock").path))
    }
}
