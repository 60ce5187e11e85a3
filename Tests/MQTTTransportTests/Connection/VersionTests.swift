import MQTTTransport
import TestSupport
import Testing

@Suite("MQTT 5 where the broker supports it, otherwise 3.1.1")
struct VersionTests {
    /// The possible responses of a 3.1.1-only broker to an MQTT 5 CONNECT.
    enum Refusal: CaseIterable {
        /// An MQTT 5 CONNACK with reason code 0x84.
        case reasonCode
        /// An MQTT 3.1.1 CONNACK with return code 1.
        case returnCode
        /// The connection is closed without a response.
        case hangUp

        var bytes: [UInt8] {
            switch self {
            case .reasonCode: [0x20, 3, 0, 0x84, 0]
            case .returnCode: [0x20, 2, 0, 1]
            case .hangUp: []
            }
        }
    }

    @Test("A broker that refuses MQTT 5 is connected to with 3.1.1", arguments: Refusal.allCases)
    func fallsBack(refusal: Refusal) async throws {
        let broker = try ScriptedBroker { connection, number in
            if number == 0 {
                #expect(try connection.read(.connect).protocolLevel == 5)
                return try connection.write(refusal.bytes)
            }
            #expect(try connection.acceptClient().protocolLevel == 4)
            try connection.answerSubscribe(1, protocolLevel: 4)
            _ = try connection.read()
        }
        let log = StateLog()
        // With the backoff of a real configuration: the other version is tried at once.
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "old", filters: ["t"]).with {
            $0.backoff = .init(base: .seconds(60), cap: .seconds(60))
        }
        try await withClient(configuration, log: log) { client in
            try await client.waitUntilConnected()
            #expect(client.state == .connected(protocolLevel: 4, sessionPresent: false))
        }
        #expect(log.failures.isEmpty)
        #expect(broker.errors.isEmpty)
    }

    @Test("With version 5 configured, there is no fallback to 3.1.1, and the state names the reason")
    func onlyV5() async throws {
        let broker = try ScriptedBroker { connection, _ in
            #expect(try connection.read(.connect).protocolLevel == 5)
            try connection.write(Refusal.reasonCode.bytes)
        }
        let log = StateLog()
        try await withClient(.test(port: broker.port, id: "new").with { $0.protocolVersion = .v5 }, log: log) { _ in
            try await eventually("it was refused twice") { log.failures.count >= 2 }
        }
        #expect(log.failures.allSatisfy { if case .refused(0x84, _) = $0 { $0.isPermanent } else { false } })
        #expect(log.levels.isEmpty)
        #expect(broker.errors.isEmpty)
    }

    @Test("After a broker hung up once, a later connection uses MQTT 5 again")
    func guessIsNotKept() async throws {
        let broker = try ScriptedBroker { connection, number in
            switch number {
            case 0: try connection.read(.connect)
            case 1: #expect(try connection.acceptClient().protocolLevel == 4)
            default:
                #expect(try connection.acceptClient().protocolLevel == 5)
                _ = try connection.read()
            }
        }
        let log = StateLog()
        try await withClient(.test(port: broker.port, id: "hasty"), log: log) { _ in
            try await eventually("it is connected with MQTT 5") { log.levels == [4, 5] }
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("A broker that accepted MQTT 5 and then hangs up, as in a restart, gets MQTT 5 again")
    func restartIsNoRefusal() async throws {
        let broker = try ScriptedBroker { connection, number in
            let level = try connection.read(.connect).protocolLevel
            #expect(level == 5)
            // The first connection breaks after a while, the second during CONNECT.
            if number != 1 { try connection.write([0x20, 3, 0, 0, 0]) }
            if number > 1 { _ = try connection.read() }
        }
        let log = StateLog()
        try await withClient(.test(port: broker.port, id: "restarting"), log: log) { _ in
            try await eventually("the client is connected again") { log.levels == [5, 5] }
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("A broker that did not answer in time gets MQTT 5 again")
    func silenceIsNoRefusal() async throws {
        let broker = try ScriptedBroker { connection, number in
            #expect(try connection.read(.connect).protocolLevel == 5)
            if number > 0 { try connection.write([0x20, 3, 0, 0, 0]) }
            _ = try connection.read()
        }
        let log = StateLog()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "frozen").with {
            $0.connectTimeout = .milliseconds(200)
        }
        try await withClient(configuration, log: log) { _ in
            try await eventually("it is connected") { log.levels == [5] }
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("A real broker is connected to with the configured version", arguments: [(5, true), (4, false)])
    func realBroker(level: Int, hasProperties: Bool) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "real", filters: ["t"]).with {
            $0.protocolVersion = level == 5 ? .automatic : .v311
        }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            #expect(client.state == .connected(protocolLevel: level, sessionPresent: false))
            var publication = MQTTPublication("x", to: "t")
            publication.userProperties = [MQTTUserProperty(name: "tracestate", value: "b")]
            #expect(try await client.publishAndWait(publication))
            try await eventually("it arrived") { recorder.texts == ["x"] }
            #expect(recorder.messages[0].userProperties.isEmpty != hasProperties)
        }
    }

    @Test("CONNECT carries the session expiry, the receive maximum and the maximum packet size")
    func connectProperties() async throws {
        let broker = try ScriptedBroker { connection, _ in
            let connect = try connection.acceptClient()
            // Session expiry 0x11, receive maximum 0x21, maximum packet size 0x27 (MQTT 5, section 3.1.2.11).
            #expect(connect.contains([0x11, 0, 0, 0x0E, 0x10]))
            #expect(connect.contains([0x21, 0x03, 0xE8]))
            #expect(connect.contains([0x27, 0, 0x20, 0, 0]))
            #expect(connect.body[7] & 2 == 0, "no clean start")
            #expect(Array(connect.body[8...9]) == [0, 30], "keep-alive")
            _ = try connection.read()
        }
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "asks").with {
            $0.sessionExpiry = .seconds(3600)
        }
        try await withClient(configuration) { try await $0.waitUntilConnected() }
        #expect(broker.errors.isEmpty)
    }
}
