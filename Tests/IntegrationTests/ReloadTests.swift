import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Files that change are read again by themselves. A mistake keeps what was there, and is shown.
@Suite("Reload")
struct ReloadTests {
    @Test("Routes and alert rules are reloaded when their files change; a mistake keeps the old ones and is shown")
    func routesAndRules() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "alerts"), withIntermediateDirectories: true)
        let file = try folder.write(Self.settings(topic: "first/{device}"), to: "windsock.yaml")
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: ["--config", file])
        try await gateway.waitUntilReady()
        let publisher = try await Publisher(port: broker.port)
        func received(_ device: String, on topic: String) async throws {
            let token = try await GatewayProcess.token()
            try await eventually("the gateway knows \(device)") {
                try await publisher.publish(Array(#"{"temperature":41}"#.utf8), to: topic)
                return try await HTTPClientLite.get(
                    "\(gateway.url)/api/devices", headers: [("Authorization", "Bearer \(token)")]
                ).text.contains("\"\(device)\"")
            }
        }
        try await received("one", on: "first/one")

        try folder.write(Self.settings(topic: "second/{device}"), to: "windsock.yaml")
        try await gateway.process.waitForLine("the new routes") { $0.contains("Routes were reloaded") }
        try await received("two", on: "second/two")
        let example = try await HTTPClientLite.get(
            "\(gateway.url)/api/broker", headers: [("Authorization", "Bearer \(try await GatewayProcess.token())")])
        #expect(try example.json["topic"]?.string == "second/{device}")

        try folder.write("- {name: hot, metric: temperature, above: 40}", to: "alerts/a.yaml")
        try await gateway.process.waitForLine("the new rules") { $0.contains("Alert rules were reloaded") }
        try await received("three", on: "second/three")
        let token = try await GatewayProcess.token()
        try await eventually("the new rule raised an alert") {
            try await HTTPClientLite.get(
                "\(gateway.url)/api/alerts", headers: [("Authorization", "Bearer \(token)")]
            ).text.contains("\"hot\"")
        }

        try folder.write("- {name: hot, metric: temperature, above: warm}", to: "alerts/a.yaml")
        try await gateway.process.waitForLine("the mistake") { $0.contains("alerts/a.yaml:1: alerts[0].above") }
        var ready = try await HTTPClientLite.get("\(gateway.url)/readyz")
        #expect(ready.status == 200, "a mistake in a file does not stop readings")
        let check = try ready.json["checks"]?["configuration"]
        #expect(check?["ready"]?.bool == true && check?["status"]?.string == "outdated")
        #expect(check?["reason"]?.string?.contains("a.yaml:1") == true, "\(ready.text)")
        #expect(!ready.text.contains("warm") && !ready.text.contains(folder.url.path))
        try await received("four", on: "second/four")

        try folder.write("- {name: hot, metric: temperature, above: 50}", to: "alerts/a.yaml")
        try await eventually("the mistake is gone") {
            ready = try await HTTPClientLite.get("\(gateway.url)/readyz")
            return try ready.json["checks"]?["configuration"] == nil
        }
        await publisher.stop()
        #expect(try await gateway.process.terminate() == .exited(0))
    }

    @Test("Settings other than routes keep their values until a restart, and the log names them")
    func keptSettings() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        for path in ["alerts", "other"] {
            try FileManager.default.createDirectory(
                at: folder.url.appending(path: path), withIntermediateDirectories: true)
        }
        try folder.write("- {name: late, metric: temperature, above: 40}", to: "other/a.yaml")
        let file = try folder.write(Self.settings(topic: "first/{device}"), to: "windsock.yaml")
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: ["--config", file])
        try await gateway.waitUntilReady()
        try folder.write(
            Self.settings(topic: "second/{device}", alerts: "other")
                + "mqtt: {share_group: team}\ndevices: {status_topics: \"second/{device}/status\"}\n",
            to: "windsock.yaml")
        try await gateway.process.waitForLine("the advice") { $0.contains("take effect only after a restart") }
        let lines = gateway.process.lines.map(\.text)
        let advice = try #require(lines.first { $0.contains("take effect only after a restart") })
        #expect(advice.contains("alerts_dir, mqtt.share_group") && !advice.contains("status_topics"))
        #expect(!lines.contains { $0.contains("Alert rules were reloaded") })
        try await eventually("the gateway listens to the new routes, without the share group") {
            let text = try await HTTPClientLite.get("\(gateway.url)/readyz").text.replacing("\\/", with: "/")
            return text.contains("\"second/+\"") && text.contains("\"second/+/status\"") && !text.contains("$share")
        }

        try folder.write("- {name: hot, metric: temperature, above: 40}", to: "alerts/a.yaml")
        try await gateway.process.waitForLine("the rules of the first folder") {
            $0.contains("Alert rules were reloaded")
        }
        #expect(try await gateway.process.terminate() == .exited(0))
    }

    @Test("Dashboards are reloaded when a file appears, and rooms of another kind need a restart")
    func dashboardsAndRoots() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let boards = folder.url.appending(path: "boards")
        for path in [boards, folder.url.appending(path: "alerts")] {
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
        }
        let file = try folder.write(Self.settings(topic: "first/{device}"), to: "windsock.yaml")
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url,
            arguments: ["--config", file, "--dashboards-dir", boards.path])
        try folder.write(
            "title: T\nrooms: [sensors/a]\npanels: [{type: value, title: T, devices: [a], metrics: [t]}]\n",
            to: "boards/new.yaml")
        try await gateway.process.waitForLine("the reload") { $0.contains("Dashboards were reloaded") }
        #expect(try await HTTPClientLite.get("\(gateway.url)/").status == 200, "the page is served as well")
        try folder.write(Self.settings(topic: "first/{device}", room: "sites/{device}"), to: "windsock.yaml")
        try await gateway.process.waitForLine("the advice") {
            $0.contains("windsock.yaml:2: routes") && $0.contains("restart the gateway")
        }
        #expect(try await gateway.process.terminate() == .exited(0))
    }

    private static func settings(
        topic: String, room: String = "sensors/{device}", alerts: String = "alerts"
    ) -> String {
        "alerts_dir: \(alerts)\nroutes:\n  - topic: \(topic)\n    room: \(room)\n"
    }
}
