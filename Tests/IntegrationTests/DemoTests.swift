import ChildProcesses
import Foundation
import TestSupport
import Testing

/// The result of `make run`.
@Suite("Demo")
struct DemoTests {
    @Test("The demo prints a sign-in URL, streams every shipped device, and stops on Ctrl-C with its broker")
    func runsAndStops() async throws {
        let demo = try DemoProcess(environment: ["SECRET_OF_THE_PARENT": "1"])
        let url = try await demo.waitForURL()
        let token = try #require(url.fragment?.replacing("token=", with: ""))
        let base = "http://127.0.0.1:\(try #require(url.port))"
        let devices = try await Self.shippedDeviceCount()
        try await eventually("every device has sent a reading", within: .seconds(60)) {
            let answer = try await HTTPClientLite.get(
                "\(base)/api/devices", headers: [("Authorization", "Bearer \(token)")])
            // Devices that are only known from the demo's made-up past have no status.
            return try answer.json["devices"]?.array?.count { $0["status"] != nil } == devices
        }
        let metrics = try await HTTPClientLite.get("\(base)/metrics").text
        #expect(!metrics.contains("windsock_ingest_dead_letters"), "every shipped payload is decoded")

        let children = try Self.children(of: demo.process.pid)
        #expect(children.count == 1, "the private mosquitto")
        let environment = try String(contentsOfFile: "/proc/\(try #require(children.first))/environ", encoding: .utf8)
        #expect(environment.contains("PATH=") && !environment.contains("SECRET_OF_THE_PARENT"))
        demo.process.signal(SIGINT)
        #expect(try await demo.process.waitForExit(within: .seconds(10)) == .exited(0))
        for child in children {
            try await eventually("mosquitto is gone") { kill(child, 0) != 0 }
        }
    }

    @Test("Long ranges of the demo begin with a made-up past")
    func past() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let token = try #require(url.fragment?.replacing("token=", with: ""))
        for (device, metric) in [("greenhouse-1", "temperature"), ("office", "co2"), ("cold-store-1", "door")] {
            let answer = try await HTTPClientLite.get(
                "http://127.0.0.1:\(try #require(url.port))/api/readings?device=\(device)&metric=\(metric)"
                    + "&from=\(Int(Date().timeIntervalSince1970) - 8 * 86_400)&points=10000",
                headers: [("Authorization", "Bearer \(token)")])
            let times = try (answer.json["series"]?.array?.first?["points"]?.array ?? []).compactMap {
                $0.array?.first?.number
            }
            #expect(times.count > 600, "\(device)")
            #expect(times == times.sorted())
            let age = Date().timeIntervalSince1970 - (times.first ?? 0)
            #expect(age > 6.9 * 86_400 && age < 7.1 * 86_400, "\(device): \(age) s")
        }
        try await demo.process.terminate()
    }

    @Test("From any directory, the demo uses the user's secret and prints a token for the other commands")
    func anywhere() async throws {
        let folder = try TemporaryFolder()
        let secret = ["WINDSOCK_JWT_SECRET": GatewayProcess.secret]
        let demo = try DemoProcess(environment: secret, in: folder.url)
        let url = try await demo.waitForURL()
        let line = try await demo.process.waitForLine("the token") { $0.contains("export WINDSOCK_TOKEN=") }
        let token = line.trimmingCharacters(in: .whitespaces).replacing("export WINDSOCK_TOKEN=", with: "")
        let port = try #require(url.port)
        for environment in [secret, ["WINDSOCK_TOKEN": token]] {
            let tail = try ChildProcess(
                try PackageRoot.executable.path,
                ["tail", "sensors/#", "--url", "ws://127.0.0.1:\(port)/ws", "--json"], environment: environment)
            try await tail.waitForLine("a reading") { $0.contains("\"room_id\"") }
        }
        #expect(try await HTTPClientLite.get("http://127.0.0.1:\(port)/").status == 200)
        let dashboards = try await HTTPClientLite.get(
            "http://127.0.0.1:\(port)/api/dashboards", headers: [("Authorization", "Bearer \(token)")])
        #expect(dashboards.text.contains("greenhouse"))
        demo.process.signal(SIGINT)
        #expect(try await demo.process.waitForExit(within: .seconds(10)) == .exited(0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
    }

    @Test("A killed demo takes its broker with it")
    func killedWithBroker() async throws {
        let demo = try DemoProcess()
        _ = try await demo.waitForURL()
        let children = try Self.children(of: demo.process.pid)
        try #require(children.count == 1)
        demo.process.signal(SIGKILL)
        try await demo.process.waitForExit()
        try await eventually("mosquitto is gone") { kill(children[0], 0) != 0 }
    }

    @Test("If the port is in use, the next free one is used")
    func takenPort() async throws {
        let first = try DemoProcess()
        let port = try #require(try await first.waitForURL().port)
        let second = try DemoProcess(listen: "127.0.0.1:\(port)")
        let other = try #require(try await second.waitForURL().port)
        #expect(other > port)
    }

    /// Returns the device count reported by `windsock check`: "OK: 60 devices in 8 files, …".
    private static func shippedDeviceCount() async throws -> Int {
        let check = try ChildProcess(
            try PackageRoot.executable.path, ["check"], workingDirectory: try PackageRoot.directory)
        #expect(try await check.waitForExit() == .exited(0), "\(check.tail)")
        let words = try #require(check.output.first).split(separator: " ")
        return try #require(words.dropFirst().first.flatMap { Int($0) })
    }

    /// Returns the child processes of `pid`.
    private static func children(of pid: pid_t) throws -> [pid_t] {
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
        let lists = threads.map { thread in
            (try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/children", encoding: .utf8)) ?? ""
        }
        return lists.flatMap { $0.split(separator: " ").compactMap { pid_t($0) } }
    }
}
