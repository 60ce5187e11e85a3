import Core
import Foundation
import MQTTTransport
import Telemetry
import TestSupport
import Testing

@Suite("Subscriptions")
struct SubscribingTests {
    @Test("A refused filter is reported with its reason; the others work", arguments: [5, 4])
    func refused(level: UInt8) async throws {
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            for _ in 0..<2 {
                let packet = try connection.read(.subscribe)
                let code: UInt8 = packet.contains(Array("secret/#".utf8)) ? (level == 5 ? 0x87 : 0x80) : 1
                let body = packet.packetID + (level == 5 ? [0] : []) + [code]
                try connection.write([0x90, UInt8(body.count)] + body)
            }
            if level == 5 { try connection.publish("x", to: "open/a", packetID: 1) }
            _ = try connection.read()
            _ = try connection.read()
        }
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(
            port: broker.port, id: "refused", filters: ["open/#", "secret/#"]
        ).with { $0.protocolVersion = level == 5 ? .v5 : .v311 }
        try await withClient(configuration, handler: recorder) { client in
            try await eventually("the refusal is known") { !client.refusedSubscriptions.isEmpty }
            let reason = level == 5 ? "not authorized" : "unspecified error"
            #expect(client.refusedSubscriptions == [.subscriptionRefused(filter: "secret/#", reason)])
            #expect("\(client.refusedSubscriptions[0])".contains("\"secret/#\""))
            #expect(client.state.isConnected)
            if level == 5 { try await eventually("the other subscription works") { recorder.texts == ["x"] } }
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("A refusal by a real broker is reported too", arguments: [MQTTConfiguration.ProtocolVersion.v5, .v311])
    func refusedByMosquitto(version: MQTTConfiguration.ProtocolVersion) async throws {
        // mosquitto's ACL files withhold messages silently; its dynamic security plugin refuses them.
        let rules = #"""
            {"defaultACLAccess":
              {"publishClientSend": true, "publishClientReceive": true, "subscribe": true, "unsubscribe": true},
             "roles": [{"rolename": "closed", "acls":
              [{"acltype": "subscribePattern", "topic": "secret/#", "priority": 10, "allow": false}]}],
             "groups": [{"groupname": "all", "roles": [{"rolename": "closed"}]}],
             "anonymousGroup": "all", "clients": []}
            """#
        let broker = try await MosquittoBroker.start(
            configuration: [
                "plugin \(try MosquittoBroker.dynamicSecurityPlugin())", "plugin_opt_config_file %FOLDER%/rules.json",
            ],
            files: ["rules.json": Data(rules.utf8)])
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(
            port: broker.port, id: "denied", filters: ["open/#", "secret/#"]
        ).with { $0.protocolVersion = version }
        try await withClient(configuration, handler: recorder) { client in
            try await eventually("the refusal is known") { !client.refusedSubscriptions.isEmpty }
            #expect(client.refusedSubscriptions.allSatisfy { "\($0)".contains("\"secret/#\"") })
            try await publish(
                [MQTTPublication("no", to: "secret/a"), MQTTPublication("yes", to: "open/a")], to: broker)
            try await eventually("the other subscription works") { recorder.texts == ["yes"] }
        }
    }

    @Test(
        "Replaced subscriptions apply to the running connection, and after a reconnect to the resumed session",
        arguments: [MQTTConfiguration.ProtocolVersion.v5, .v311])
    func replaced(version: MQTTConfiguration.ProtocolVersion) async throws {
        let broker = try await MosquittoBroker.start()
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(
            port: broker.port, id: "replacing", filters: ["a/+", "b/+"]
        ).with {
            $0.protocolVersion = version
            $0.sessionExpiry = .seconds(60)
        }
        func received(_ texts: [String], of topics: [String]) async throws {
            try await publish(topics.map { MQTTPublication($0, to: $0) }, to: broker)
            try await eventually("\(texts) arrived") { recorder.texts.suffix(texts.count) == texts[...] }
        }
        try await withClient(configuration, handler: recorder) { client in
            try await client.waitUntilConnected()
            try await received(["a/1", "b/1"], of: ["a/1", "b/1"])
            client.replaceSubscriptions(
                try ["b/+", "c/+"].map { MQTTSubscription(filter: try TopicFilter($0)) })
            try await eventually("the new subscription works") {
                try await publish([MQTTPublication("new", to: "c/0")], to: broker)
                return recorder.texts.contains("new")
            }
            let count = recorder.messages.count { $0.topic.hasPrefix("a/") }
            try await received(["b/2", "c/2"], of: ["a/2", "b/2", "c/2"])
            #expect(recorder.messages.count { $0.topic.hasPrefix("a/") } == count)

            client.dropConnection()
            try await eventually("the client is offline") { client.state == .disconnected }
            client.replaceSubscriptions([MQTTSubscription(filter: try TopicFilter("c/+"))])
            client.connect()
            try await client.waitUntilConnected()
            try await eventually("the session has only the last subscription") {
                let before = recorder.messages.count { $0.topic.hasPrefix("b/") }
                try await received(["c/3"], of: ["b/3", "c/3"])
                return recorder.messages.count { $0.topic.hasPrefix("b/") } == before
            }
        }
    }

    @Test("An UNSUBSCRIBE that was not answered is sent again after a reconnect", arguments: [5, 4] as [UInt8])
    func unansweredUnsubscribe(level: UInt8) async throws {
        let properties: [UInt8] = level == 5 ? [0] : []
        let unsubscribed = Lock<[Int]>([])
        let isThird = Lock(false)
        let broker = try ScriptedBroker { connection, number in
            try connection.acceptClient(sessionPresent: number > 0)
            var subscribedCount = 0
            while true {
                let packet = try connection.read()
                switch packet.kind {
                case .subscribe:
                    try connection.write([0x90, UInt8(3 + properties.count)] + packet.packetID + properties + [1])
                    subscribedCount += 1
                    let topic = Array("a/1".utf8)
                    let body = [0, UInt8(topic.count)] + topic + properties + Array("x".utf8)
                    // After the last answer, so that the client has processed all of them when this arrives.
                    if number == 0, subscribedCount == 2 { try connection.write([0x30, UInt8(body.count)] + body) }
                case .unsubscribe:
                    #expect(packet.contains(Array("a/+".utf8)))
                    unsubscribed.withLock { $0.append(number) }
                    if number == 0 { return }
                    let codes: [UInt8] = level == 5 ? [0, 0] : []
                    try connection.write([0xB0, UInt8(2 + codes.count)] + packet.packetID + codes)
                case .publish:
                    // The birth message follows the other requests of a connection.
                    if number == 1 { return }
                    if number == 2 { isThird.withLock { $0 = true } }
                default: break
                }
            }
        }
        let configuration = try MQTTConfiguration.test(
            port: broker.port, id: "unsubscribing", filters: ["a/+", "b/+"]
        ).with {
            $0.protocolVersion = level == 5 ? .v5 : .v311
            $0.birth = MQTTPublication("online", to: "s", qos: .atMostOnce)
        }
        let recorder = Recorder()
        try await withClient(configuration, handler: recorder) { client in
            try await eventually("the subscriptions are granted") { recorder.texts == ["x"] }
            client.replaceSubscriptions([MQTTSubscription(filter: try TopicFilter("b/+"))])
            try await eventually("the third connection is up") { isThird.withLock { $0 } }
        }
        #expect(unsubscribed.withLock { $0 } == [0, 1])
        #expect(broker.errors.isEmpty)
    }

    @Test("The refusal of a subscription that was replaced in the meantime does not count")
    func lateRefusal() async throws {
        let isAsked = Lock(false)
        let broker = try ScriptedBroker { connection, _ in
            try connection.acceptClient()
            let replaced = try connection.read(.subscribe)
            isAsked.withLock { $0 = true }
            let wanted = try connection.read(.subscribe)
            try connection.read(.unsubscribe)
            try connection.write([0x90, 4] + replaced.packetID + [0, 0x87])
            try connection.write([0x90, 4] + wanted.packetID + [0, 1])
            try connection.publish("x", to: "b/1", packetID: 1)
            try connection.readToEnd()
        }
        let recorder = Recorder()
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "late", filters: ["a/+"])
        try await withClient(configuration, handler: recorder) { client in
            try await eventually("the first subscription is requested") { isAsked.withLock { $0 } }
            client.replaceSubscriptions([MQTTSubscription(filter: try TopicFilter("b/+"))])
            try await eventually("the answers have arrived") { recorder.texts == ["x"] }
            #expect(client.refusedSubscriptions.isEmpty)
        }
        #expect(broker.errors.isEmpty)
    }

    @Test("With MQTT 5, every connect subscribes, and requests retained messages of new subscriptions only")
    func v5() async throws {
        let options = Lock<[UInt8]>([])
        let broker = try ScriptedBroker { connection, number in
            try connection.acceptClient(sessionPresent: number > 0)
            let packet = try connection.answerSubscribe(1)
            options.withLock { $0.append(packet.body.last ?? 0) }
            if number > 0 { _ = try connection.read() }
        }
        try await withClient(.test(port: broker.port, id: "five", filters: ["t"])) { _ in
            try await eventually("it subscribed twice") { options.withLock { $0.count } == 2 }
        }
        // QoS 1 and retain handling 1 (MQTT 5, section 3.8.3.1).
        #expect(options.withLock { $0 } == [0x11, 0x11])
    }

    @Test("With 3.1.1, a connect with a present session does not subscribe again, except the first")
    func v311() async throws {
        let subscribed = Lock<[Int]>([])
        let broker = try ScriptedBroker { connection, number in
            // The session is present at first (from an earlier run), then present again, then gone.
            try connection.acceptClient(sessionPresent: number < 2)
            while true {
                let packet = try connection.read()
                if packet.kind == .subscribe {
                    subscribed.withLock { $0.append(number) }
                    try connection.write([0x90, 3] + packet.packetID + [1])
                }
                // The birth message follows SUBSCRIBE, so by now it is known whether there was one.
                if packet.kind == .publish, number < 2 { return }
            }
        }
        let configuration = try MQTTConfiguration.test(port: broker.port, id: "three", filters: ["t"]).with {
            $0.protocolVersion = .v311
            $0.birth = MQTTPublication("online", to: "s", qos: .atMostOnce)
        }
        try await withClient(configuration) { _ in
            try await eventually("it subscribed in the third connection") { subscribed.withLock { $0.contains(2) } }
        }
        #expect(subscribed.withLock { $0 } == [0, 2])
    }
}
