import Core
import MQTTTransport
import Telemetry
import TestSupport
import Testing

@Suite("Birth, farewell and last will")
struct StatusTests {
    private static func configuration(_ broker: MosquittoBroker, _ id: String) throws -> MQTTConfiguration {
        try .test(port: broker.port, id: id).with {
            $0.birth = MQTTPublication("online", to: "status/\(id)", retain: true)
            $0.lastWill = MQTTPublication("vanished", to: "status/\(id)", retain: true)
            $0.farewell = MQTTPublication("offline", to: "status/\(id)", retain: true)
        }
    }

    /// Runs `body` while recording all status messages.
    private static func watching(_ body: (MosquittoBroker, Recorder, MQTTClient) async throws -> Void) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        try await withClient(.test(port: broker.port, id: "watches", filters: ["status/#"]), handler: recorder) {
            try await $0.waitUntilConnected()
            #expect(try await $0.publishAndWait(MQTTPublication("ready", to: "u")))
            try await body(broker, recorder, $0)
        }
    }

    @Test("A birth message follows each connect, a farewell precedes a disconnect, and no will is published")
    func graceful() async throws {
        try await Self.watching { broker, recorder, watcher in
            try await withClient(try Self.configuration(broker, "polite")) { client in
                try await eventually("the client is online") { recorder.texts == ["online"] }
                client.disconnect()
                try await eventually("the client is offline") { recorder.texts == ["online", "offline"] }
                client.connect()
                try await eventually("the client is online again") { recorder.texts.last == "online" }
            }
            // `stop()` publishes the offline status as well.
            #expect(try await watcher.publishAndWait(MQTTPublication("end", to: "status/end")))
            try await eventually("the farewell arrived") { recorder.texts.last == "end" }
            #expect(recorder.texts == ["online", "offline", "online", "offline", "end"])
        }
    }

    @Test("A dropped connection makes the broker publish the will")
    func dropped() async throws {
        try await Self.watching { broker, recorder, _ in
            try await withClient(try Self.configuration(broker, "rude")) { client in
                try await eventually("the client is online") { recorder.texts == ["online"] }
                client.dropConnection()
                try await eventually("the will arrived") { recorder.texts == ["online", "vanished"] }
                #expect(client.state == .disconnected)
                client.connect()
                try await eventually("the client is online again") {
                    recorder.texts == ["online", "vanished", "online"]
                }
            }
        }
    }

    @Test("A client that stops under load sends its farewell, and no will is published")
    func stopsUnderLoad() async throws {
        try await Self.watching { broker, recorder, watcher in
            let configuration = try Self.configuration(broker, "busy").with {
                $0.subscriptions = [MQTTSubscription(filter: try TopicFilter("load"))]
            }
            let load = try MQTTConfiguration.test(port: broker.port, id: "load")
            try await withClient(load) { source in
                try await source.waitUntilConnected()
                for _ in 1...20 {
                    try await withClient(configuration, handler: Recorder()) { client in
                        try await client.waitUntilConnected()
                        for _ in 1...200 { try? source.publish(MQTTPublication("x", to: "load", qos: .atMostOnce)) }
                    }
                }
            }
            #expect(try await watcher.publishAndWait(MQTTPublication("end", to: "status/end")))
            try await eventually("the farewell arrived") { recorder.texts.last == "end" }
            #expect(!recorder.texts.contains("vanished"))
            #expect(recorder.texts.filter { $0 == "offline" }.count == 20)
        }
    }

    @Test("Hundreds of clients share one loop, each with its own connection and will")
    func fleet() async throws {
        try await Self.watching { broker, recorder, _ in
            let loop = MQTTLoop(name: "fleet")
            let clients = try (0..<200).map { number in
                try MQTTClient(
                    configuration: Self.configuration(broker, "device-\(number)"), loop: loop, logger: .silent)
            }
            for client in clients { client.connect() }
            try await eventually("all are online", within: .seconds(60)) {
                recorder.texts.filter { $0 == "online" }.count == clients.count
            }
            for client in clients.prefix(50) { client.dropConnection() }
            try await eventually("the wills arrived") { recorder.texts.filter { $0 == "vanished" }.count == 50 }
            for client in clients { await client.stop() }
            try await eventually("the other clients sent their farewell") {
                recorder.texts.filter { $0 == "offline" }.count == 150
            }
            loop.stop()
        }
    }
}
