import Core
import MQTTTransport
import Telemetry
import TestSupport
import Testing

@Suite("Delivery of received messages")
struct DeliveryTests {
    @Test("Topic, payload, QoS and trace context arrive as published", arguments: [0, 1])
    func arrivesWhole(qos: UInt8) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let qos = try #require(MQTTQoS(rawValue: qos))
        try await withClient(.test(port: broker.port, id: "whole", filters: ["#"]), handler: recorder) { client in
            try await client.waitUntilConnected()
            var sent = MQTTPublication(topic: "Gewächshaus/ä", payload: [0, 255, 10], qos: qos)
            sent.userProperties = [
                MQTTUserProperty(name: "x", value: "ü"), MQTTUserProperty(name: "traceparent", value: "00-1-2-01"),
                MQTTUserProperty(name: "x", value: ""), MQTTUserProperty(name: "tracestate", value: "a=ü"),
                MQTTUserProperty(name: "traceparent", value: "another"),
            ]
            try await publish([sent, MQTTPublication(topic: "empty", payload: [], qos: qos)], to: broker)
            try await eventually("both arrived") { recorder.messages.count == 2 }
            let message = recorder.messages[0]
            #expect(message.topic == sent.topic)
            #expect(message.payload == sent.payload)
            #expect(message.qos == qos)
            #expect((message.packetID > 0) == (qos == .atLeastOnce))
            #expect(message.userProperties == [sent.userProperties[1], sent.userProperties[3]])
            #expect(!message.isRetained)
            #expect(recorder.messages[1].payload.isEmpty && recorder.messages[1].userProperties.isEmpty)
            #expect(client.counters.messagesReceived == 2)
            #expect(client.counters.bytesReceived == 3)
        }
    }

    @Test("Of the user properties, only a trace context of valid length near the front is read")
    func userProperties() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let trace = MQTTUserProperty(name: "traceparent", value: "00-1-2-01")
        let empty = MQTTUserProperty(name: "", value: "")
        func long(_ name: String) -> MQTTUserProperty {
            MQTTUserProperty(name: name, value: String(repeating: "x", count: 513))
        }
        let lists = [
            [trace] + Array(repeating: empty, count: 2000), Array(repeating: empty, count: 63) + [trace],
            Array(repeating: empty, count: 64) + [trace], [long("traceparent"), long("tracestate")],
            [long("x"), long("tracestate"), trace],
        ]
        try await withClient(.test(port: broker.port, id: "properties", filters: ["#"]), handler: recorder) { client in
            try await client.waitUntilConnected()
            let publications = lists.map { list in
                var publication = MQTTPublication("x", to: "t")
                publication.userProperties = list
                return publication
            }
            try await publish(publications, to: broker)
            try await eventually("all arrived") { recorder.messages.count == lists.count }
        }
        #expect(recorder.messages.map(\.userProperties) == [[trace], [trace], [], [], [trace]])
    }

    @Test("A retained message arrives with its flag, and not again after a reconnect", arguments: [5, 4])
    func retained(level: Int) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        try await publish([MQTTPublication("old", to: "t", retain: true)], to: broker)
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "retained", filters: ["t"]).with {
            $0.sessionExpiry = .seconds(600)
            $0.protocolVersion = level == 5 ? .v5 : .v311
        }
        let log = StateLog()
        try await withClient(configuration, handler: recorder, log: log) { client in
            try await eventually("the retained message arrived") { recorder.texts == ["old"] }
            client.dropConnection()
            try await eventually("the client is offline") { client.state == .disconnected }
            client.connect()
            try await client.waitUntilConnected()
            try await publish([MQTTPublication("new", to: "t")], to: broker)
            try await eventually("the new message arrived") { recorder.texts.contains("new") }
        }
        #expect(recorder.texts == ["old", "new"])
        #expect(recorder.messages.map(\.isRetained) == [true, false])
        #expect(log.levels == [level, level])
    }

    @Test("A QoS 2 publication arrives at QoS 1, so that it is acknowledged only after acceptance")
    func exactlyOnceBecomesAtLeastOnce() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        try await withClient(.test(port: broker.port, id: "two", filters: ["t"]), handler: recorder) { client in
            try await client.waitUntilConnected()
            #expect(try await client.publishAndWait(MQTTPublication("ready", to: "u")))
            let device = try ScriptedConnection(to: broker.port)
            defer { device.close() }
            // CONNECT of MQTT 3.1.1 as "d", then PUBLISH "x" to "t" at QoS 2, and PUBREL.
            try device.write([0x10, 13, 0, 4] + Array("MQTT".utf8) + [4, 2, 0, 60, 0, 1] + Array("d".utf8))
            #expect(try device.read().head == 0x20)
            try device.write([0x34, 6, 0, 1] + Array("t".utf8) + [0, 9] + Array("x".utf8))
            #expect(try device.read().head == 0x50)
            try device.write([0x62, 2, 0, 9])
            #expect(try device.read().head == 0x70)
            try await eventually("it arrived") { recorder.texts == ["x"] }
            #expect(recorder.messages[0].qos == .atLeastOnce)
            #expect(recorder.messages[0].packetID > 0)
        }
    }

    @Test("Many messages form few batches within the size limit and keep their order")
    func batches() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "batches", filters: ["t"]).with {
            $0.sessionExpiry = .seconds(600)
            $0.maxBatchMessages = 100
        }
        let texts = (1...4000).map { "\($0)" }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            client.disconnect()
            try await eventually("the client is offline") { client.state == .disconnected }
            // All of it is queued at the broker when the client reconnects.
            try await publish(texts.map { MQTTPublication($0, to: "t") }, to: broker)
            client.connect()
            try await eventually("all arrived", within: .seconds(60)) { recorder.texts.count == texts.count }
        }
        #expect(recorder.texts == texts)
        #expect(recorder.batches.allSatisfy { $0.messages.count <= 100 })
        #expect(recorder.batches.count < 400, "one message per batch would be 4000")
        #expect(recorder.batches[0].isFirstAfterConnect && recorder.batches[0].sessionPresent)
        #expect(!recorder.batches[1].isFirstAfterConnect)
    }

    @Test("A batch of large messages ends at the byte limit")
    func largeMessages() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "large", filters: ["t"]).with {
            $0.maxBatchBytes = 1_000_000
        }
        let text = String(repeating: "x", count: 400_000)
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            try await publish((1...20).map { _ in MQTTPublication(text, to: "t") }, to: broker)
            try await eventually("all arrived") { recorder.messages.count == 20 }
        }
        #expect(recorder.messages.allSatisfy { $0.payload.count == 400_000 })
        #expect(recorder.batches.allSatisfy { $0.messages.count <= 3 })
    }

    @Test("Topics count towards the byte limit of a batch")
    func longTopics() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "topics", filters: ["#"]).with {
            $0.maxBatchBytes = 100_000
        }
        let topic = String(repeating: "t", count: 40_000)
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            try await publish((1...20).map { _ in MQTTPublication("x", to: topic) }, to: broker)
            try await eventually("all arrived") { recorder.messages.count == 20 }
        }
        #expect(recorder.batches.allSatisfy { $0.messages.count <= 3 })
    }

    @Test("A packet above the maximum size is not delivered and does not disturb others")
    func oversized() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "small", filters: ["t"]).with {
            $0.maxPacketBytes = 2000
        }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            let large = String(repeating: "x", count: 3000)
            try await publish([MQTTPublication(large, to: "t"), MQTTPublication("small", to: "t")], to: broker)
            try await eventually("the small one arrived") { recorder.texts == ["small"] }
            #expect(client.counters.connects == 1)
        }
    }

    @Test("Overlapping filters deliver one copy, at the higher QoS")
    func overlapping() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "overlap").with {
            $0.subscriptions = [
                MQTTSubscription(filter: try TopicFilter("a/#"), qos: .atMostOnce),
                MQTTSubscription(filter: try TopicFilter("a/b"), qos: .atLeastOnce),
            ]
        }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            try await publish([MQTTPublication("one", to: "a/b"), MQTTPublication("two", to: "a/c")], to: broker)
            try await eventually("both arrived") { recorder.texts.contains("two") }
        }
        #expect(recorder.texts == ["one", "two"])
        #expect(recorder.messages[0].qos == .atLeastOnce)
    }

    @Test("A shared subscription delivers each message to one of its clients")
    func shared() async throws {
        let broker = try await MosquittoBroker.start()
        let (first, second) = (Recorder(), Recorder())
        let filter = "$share/group/t/#"
        let texts = (1...100).map { "\($0)" }
        try await withClient(.test(port: broker.port, id: "share-1", filters: [filter]), handler: first) { one in
            try await withClient(.test(port: broker.port, id: "share-2", filters: [filter]), handler: second) { two in
                try await one.waitUntilConnected()
                try await two.waitUntilConnected()
                #expect(try await one.publishAndWait(MQTTPublication("other", to: "u")))
                #expect(try await two.publishAndWait(MQTTPublication("other", to: "u")))
                try await publish(texts.map { MQTTPublication($0, to: "t/x") }, to: broker)
                try await eventually("all arrived") { first.texts.count + second.texts.count >= texts.count }
            }
        }
        #expect(Set(first.texts + second.texts) == Set(texts))
        #expect(first.texts.count + second.texts.count == texts.count)
        #expect(!first.texts.isEmpty && !second.texts.isEmpty)
    }
}
