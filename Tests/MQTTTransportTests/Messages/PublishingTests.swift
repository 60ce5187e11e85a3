import Core
import MQTTTransport
import TestSupport
import Testing

@Suite("Publishing")
struct PublishingTests {
    @Test("The completion is called when the broker has acknowledged the message", arguments: [0, 1])
    func completes(qos: UInt8) async throws {
        let broker = try await MosquittoBroker.start()
        let qos = try #require(MQTTQoS(rawValue: qos))
        try await withClient(.test(port: broker.port, id: "publishes")) { client in
            try await client.waitUntilConnected()
            #expect(try await client.publishAndWait(MQTTPublication("x", to: "t", qos: qos)))
            #expect(client.counters.published == 1)
            #expect(client.counters.publishCompleted == 1)
            #expect(client.outstandingPublications == 0)
        }
    }

    @Test("A publication beyond the limit is rejected at once; QoS 1 waits for the connection")
    func bounded() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "bounded").with {
            $0.maxOutboundMessages = 3
        }
        let loop = MQTTLoop()
        let client = try MQTTClient(configuration: configuration, loop: loop, logger: .silent)
        for number in 1...3 { try client.publish(MQTTPublication("\(number)", to: "t")) }
        #expect(throws: MQTTError.outboundQueueFull(limit: 3)) {
            try client.publish(MQTTPublication("4", to: "t"))
        }
        try await withClient(.test(port: broker.port, id: "reader", filters: ["t"]), handler: recorder) { reader in
            try await reader.waitUntilConnected()
            #expect(try await reader.publishAndWait(MQTTPublication("ready", to: "u")))
            client.connect()
            try await eventually("they arrived") { recorder.texts == ["1", "2", "3"] }
            try await eventually("the queue has room again") { client.outstandingPublications == 0 }
            try client.publish(MQTTPublication("5", to: "t"))
            try await eventually("it arrived") { recorder.texts.last == "5" }
        }
        await client.stop()
        loop.stop()
    }

    @Test("Without a connection, QoS 0 is dropped")
    func givesUp() async throws {
        let client = try MQTTClient(
            configuration: .test(port: try FreePort.reserve(), id: "alone"), loop: MQTTLoop(), logger: .silent)
        #expect(try await client.publishAndWait(MQTTPublication("x", to: "t", qos: .atMostOnce)) == false)
        #expect(client.counters.publishDropped == 1)
        await client.stop()
        #expect(client.state == .stopped)
    }

    @Test("Publications that wait when the client stops are dropped, and later ones are rejected")
    func stopped() async throws {
        let ended = Lock<[Bool]>([])
        let loop = MQTTLoop()
        let client = try MQTTClient(
            configuration: .test(port: try FreePort.reserve(), id: "stops"), loop: loop, logger: .silent)
        try client.publish(MQTTPublication("x", to: "t")) { succeeded in ended.withLock { $0.append(succeeded) } }
        await client.stop()
        await client.stop()
        #expect(ended.withLock { $0 } == [false])
        loop.stop()
        #expect(throws: MQTTError.stopped) { try client.publish(MQTTPublication("x", to: "t")) }
        #expect(client.outstandingPublications == 0)
    }

    @Test("A topic that MQTT does not allow is rejected at once", arguments: ["", "a/#", "a/+/b", "a\0b"])
    func invalidTopic(topic: String) throws {
        let client = try MQTTClient(
            configuration: .test(port: 1, id: "invalid"), loop: MQTTLoop(), logger: .silent)
        let error = #expect(throws: MQTTError.self) { try client.publish(MQTTPublication("x", to: topic)) }
        guard case .invalidPublication = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(client.outstandingPublications == 0)
    }

    @Test("A message that the broker rejects counts as dropped")
    func refused() async throws {
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            let publish = try connection.read(.publish)
            // The topic has one byte; the packet id follows.
            try connection.write([0x40, 3] + publish.body[3...4] + [0x97])
            _ = try connection.read()
        }
        try await withClient(.test(port: broker.port, id: "refused")) { client in
            try await client.waitUntilConnected()
            #expect(try await client.publishAndWait(MQTTPublication("x", to: "t")) == false)
            #expect(client.counters.publishDropped == 1)
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("Many QoS 1 publications are in flight at once and arrive in order")
    func manyInFlight() async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let texts = (1...5000).map { "\($0)" }
        try await withClient(.test(port: broker.port, id: "reads", filters: ["t"]), handler: recorder) { reader in
            try await reader.waitUntilConnected()
            #expect(try await reader.publishAndWait(MQTTPublication("ready", to: "u")))
            try await publish(texts.map { MQTTPublication($0, to: "t") }, to: broker)
            try await eventually("all arrived") { recorder.texts.count == texts.count }
        }
        #expect(recorder.texts == texts)
    }
}
