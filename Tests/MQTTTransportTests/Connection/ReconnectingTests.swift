import Foundation
import MQTTTransport
import TestSupport
import Testing

@Suite("Reconnecting")
struct ReconnectingTests {
    private static func session(_ broker: MosquittoBroker, _ id: String) throws -> MQTTConfiguration {
        try .test(port: broker.port, id: id, filters: ["t"]).with { $0.sessionExpiry = .seconds(600) }
    }

    @Test("QoS 1 messages published during an absence are delivered after the reconnect", arguments: [5, 4])
    func persistentSession(level: Int) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try Self.session(broker, "away").with {
            $0.protocolVersion = level == 5 ? .v5 : .v311
        }
        let log = StateLog()
        try await withClient(configuration, handler: recorder, log: log) { client in
            try await client.waitUntilConnected()
            #expect(try await client.publishAndWait(MQTTPublication("0", to: "t")))
            try await eventually("it is subscribed") { recorder.texts == ["0"] }
        }
        try await publish((1...100).map { MQTTPublication("\($0)", to: "t") }, to: broker)
        // A client of another run with the same id.
        try await withClient(configuration, handler: recorder, log: log) { client in
            try await eventually("all arrived") { recorder.texts.count == 101 }
        }
        #expect(recorder.texts == (0...100).map(String.init))
        #expect(log.states.filter(\.isConnected).last == .connected(protocolLevel: level, sessionPresent: true))
    }

    @Test("After a broker restart with persisted sessions, every accepted message arrives")
    func brokerRestarts() async throws {
        let broker = try await MosquittoBroker.start(persistent: true)
        let recorder = Recorder()
        let publisher = try MQTTConfiguration.test(port: broker.port, id: "p").with {
            $0.sessionExpiry = .seconds(600)
        }
        try await withClient(try Self.session(broker, "restarts"), handler: recorder) { client in
            try await withClient(publisher) { publisher in
                try await client.waitUntilConnected()
                try await publisher.waitUntilConnected()
                #expect(try await publisher.publishAndWait(MQTTPublication("0", to: "t")))
                // Without a session, a subscriber that reconnects after the publisher would miss the messages.
                try await eventually("it is subscribed") { recorder.texts == ["0"] }
                try await broker.save()
                try await broker.kill()
                try await eventually("both clients noticed") {
                    !client.state.isConnected && !publisher.state.isConnected
                }
                #expect(client.counters.connectFailures > 0)
                // The publisher queues these.
                for number in 1...10 { try publisher.publish(MQTTPublication("\(number)", to: "t")) }
                try await broker.restart()
                try await eventually("all arrived") { Set(recorder.texts).count == 11 }
                try await eventually("every publication was acknowledged") { publisher.outstandingPublications == 0 }
            }
            #expect(client.counters.connects >= 2)
        }
        #expect(recorder.texts.filter { $0 != "0" } == (1...10).map(String.init))
    }

    @Test("A failed attempt to connect reports its reason and is repeated")
    func unreachable() async throws {
        let log = StateLog()
        let port = try FreePort.reserve()
        try await withClient(.test(port: port, id: "nobody"), log: log) { client in
            try await eventually("it tried three times") { log.failures.count >= 3 }
        }
        #expect(log.failures.allSatisfy { $0 == .connectionFailed("connection refused") })
        #expect(log.states.last == .stopped)
    }

    @Test("An unknown host is reported as such")
    func unknownHost() async throws {
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: 1, id: "lost").with { $0.host = "no-such-host.invalid" }
        try await withClient(configuration, log: log) { _ in
            try await eventually("it failed", within: .seconds(30)) { !log.failures.isEmpty }
        }
        #expect("\(log.failures[0])".contains("name"), "\(log.failures[0])")
    }

    @Test(
        "A peer that accepts the connection and stays silent is disconnected after the timeout",
        arguments: [false, true])
    func silentPeer(usesTLS: Bool) async throws {
        let broker = try ScriptedBroker { connection, _ in try connection.readToEnd() }
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "silent").with {
            $0.connectTimeout = .milliseconds(200)
            $0.tls = usesTLS ? MQTTTLSConfiguration() : nil
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("the attempt timed out") { !log.failures.isEmpty }
        }
        #expect(log.failures[0] == .connectionFailed("timed out after 0.2 seconds"))
    }

    @Test("An address that drops packets delays neither other clients of the loop nor a stop")
    func swallowedConnection() async throws {
        // The backlog is full, so the system drops the next connection's packets.
        let (listener, port) = try ScriptedBroker.listen(backlog: 0)
        var fillers: [Int32] = []
        defer { for descriptor in fillers + [listener] { close(descriptor) } }
        for _ in 0..<3 {
            let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            _ = ScriptedBroker.withLoopback(port) { connect(filler, $0, $1) }
            fillers.append(filler)
        }
        let broker = try await MosquittoBroker.start()
        let loop = MQTTLoop()
        let stuck = try MQTTClient(configuration: .test(port: port, id: "stuck"), loop: loop, logger: .silent)
        let other = try MQTTClient(
            configuration: .test(port: broker.port, id: "other"), loop: loop, logger: .silent)
        stuck.connect()
        other.connect()
        try await eventually("the other client is connected", within: .seconds(30)) { other.state.isConnected }
        #expect(stuck.state == .connecting)
        try await withDeadline("both stop", .seconds(30)) {
            await stuck.stop()
            await other.stop()
        }
        loop.stop()
    }

    @Test("The keep-alive detects a peer that no longer answers")
    func keepAlive() async throws {
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            try connection.readToEnd()
        }
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "mute").with {
            $0.keepAlive = .seconds(5)
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("the loss was noticed", within: .seconds(60)) { !log.failures.isEmpty }
        }
        #expect("\(log.failures[0])".contains("keep-alive"), "\(log.failures[0])")
    }

    @Test("The reason with which a broker ends a connection is reported")
    func endedByBroker() async throws {
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            // Session taken over (MQTT 5, section 3.14.2.1).
            try connection.write([0xE0, 2, 0x8E, 0])
        }
        let log = StateLog()
        try await withClient(.test(port: broker.port, id: "twin"), log: log) { _ in
            try await eventually("the loss was noticed") { !log.failures.isEmpty }
        }
        #expect(log.levels.first == 5)
        #expect(log.failures[0] == .refused(reasonCode: 0x8E, "session taken over"))
    }
}
