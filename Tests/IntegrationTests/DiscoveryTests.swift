import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Topic discovery with a real broker: `windsock discover`, and beside a running gateway.
@Suite("Topic discovery")
struct DiscoveryTests {
    /// Publishes retained messages, which the broker repeats to later subscribers.
    private static func retain(_ messages: [(String, String)], port: Int) async throws {
        let publisher = try await Publisher(port: port)
        for (topic, payload) in messages {
            try await publisher.publish(Array(payload.utf8), to: topic, retain: true)
        }
        await publisher.stop()
    }

    private static func discover(_ arguments: [String], in folder: TemporaryFolder) throws -> ChildProcess {
        try ChildProcess(
            try PackageRoot.executable.path, ["discover", "--for", "2s"] + arguments, workingDirectory: folder.url)
    }

    @Test("`discover` prints folded topics and routes to copy, without a gateway and without publishing")
    func command() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        try await Self.retain(
            [
                ("home/kitchen/temp", "21.5"), ("home/bath/temp", "22"), ("sensors/known", #"{"t":1}"#),
                ("home/kitchen/note", "hello"),
            ], port: broker.port)
        let process = try Self.discover(["--mqtt-url", broker.url], in: folder)
        #expect(try await process.waitForExit() == .exited(0))
        let output = process.output.joined(separator: "\n")
        #expect(output.contains("home/+/temp"), "\(output)")
        #expect(output.contains(#"  - topic: "home/{device}/{metric}""#), "\(output)")
        #expect(output.contains("home/+/note: the payload contains no number"), "\(output)")
        #expect(output.contains("The routes take 1 more messages."), "\(output)")
        #expect(!output.contains("sensors/known"))

        // The suggestion works as it is.
        let yaml = output.split(separator: "\n").drop { $0 != "routes:" }.prefix(2).joined(separator: "\n")
        _ = try folder.write(yaml, to: "windsock.yaml")
        let second = try Self.discover(["--mqtt-url", broker.url, "--filter", "home/#", "--json"], in: folder)
        #expect(try await second.waitForExit() == .exited(0))
        let json = try JSON(parsing: try #require(second.output.first))
        #expect(json["total"]?.number == 0 && json["taken_messages"]?.number == 3, "\(second.output)")
    }

    @Test("`discover` names the problem when the broker is unreachable, and refuses a wrong duration")
    func failures() async throws {
        let folder = try TemporaryFolder()
        let process = try Self.discover(["--mqtt-url", "mqtt://127.0.0.1:1"], in: folder)
        #expect(try await process.waitForExit() == .exited(69))
        #expect(process.tail.contains("connection"), "\(process.tail)")
        let wrong = try ChildProcess(try PackageRoot.executable.path, ["discover", "--for", "soon"])
        #expect(try await wrong.waitForExit() == .exited(78))
        #expect(wrong.tail.contains("--for"), "\(wrong.tail)")
    }

    @Test("A refused discovery is logged once and affects neither readiness nor ingest")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let rules = #"""
            {"defaultACLAccess":
              {"publishClientSend": true, "publishClientReceive": true, "subscribe": true, "unsubscribe": true},
             "roles": [{"rolename": "closed", "acls":
              [{"acltype": "subscribeLiteral", "topic": "#", "priority": 10, "allow": false}]}],
             "groups": [{"groupname": "all", "roles": [{"rolename": "closed"}]}],
             "anonymousGroup": "all", "clients": []}
            """#
        let broker = try await MosquittoBroker.start(
            configuration: [
                "plugin \(try MosquittoBroker.dynamicSecurityPlugin())", "plugin_opt_config_file %FOLDER%/rules.json",
            ], files: ["rules.json": Data(rules.utf8)])
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        try await gateway.process.waitForLine("the refusal") { $0.contains("Topic discovery cannot listen") }
        let publisher = try await Publisher(port: broker.port)
        try await publisher.publish(Array("21.5".utf8), to: "sensors/kitchen/temperature")
        try await eventually("the reading is ingested") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text.contains("\nwindsock_devices 1\n")
        }
        let token = try await GatewayProcess.token(join: ["#"])
        let headers = [("Authorization", "Bearer \(token)")]
        let topics = try await HTTPClientLite.get("\(gateway.url)/api/topics", headers: headers).json
        #expect(topics["state"]?.string == "refused" && topics["problem"]?.string?.contains("\"#\"") == true)
        #expect(try await HTTPClientLite.get("\(gateway.url)/readyz").status == 200)
        await publisher.stop()
        try await gateway.process.terminate()
        #expect(gateway.process.lines.filter { $0.text.contains("Topic discovery") }.count == 1)
    }

    @Test("Where the broker has no room for another connection, ingest keeps the only one")
    func connectionLimit() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start(configuration: ["max_connections 1"])
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        try await gateway.process.waitForLine("the refusal") { $0.contains("Topic discovery cannot listen") }
        try await broker.restart()
        try await gateway.waitUntilReady()
        try await gateway.process.terminate()
        #expect(gateway.process.lines.filter { $0.text.contains("Topic discovery") }.count == 1)
    }

    @Test("A gateway without routes shows the topics that it does not take, and logs its filters")
    func gateway() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        try await gateway.process.waitForLine("its filters") {
            $0.contains("Subscribing at the broker") && $0.contains("sensors/+/+")
        }
        let publisher = try await Publisher(port: broker.port)
        let token = try await GatewayProcess.token(join: ["#"])
        let headers = [("Authorization", "Bearer \(token)")]
        // Published again until discovery listens.
        try await eventually("the topic is listed") {
            try await publisher.publish(Array("21.5".utf8), to: "home/kitchen/temp")
            let topics = try await HTTPClientLite.get("\(gateway.url)/api/topics", headers: headers).json
            return topics["patterns"]?.array?.first?["pattern"]?.string == "home/kitchen/temp"
        }
        await publisher.stop()
        try await gateway.process.terminate()
    }
}
