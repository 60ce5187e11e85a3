import Core
import MQTTTransport
import Telemetry
import Testing

@testable import Gateway

/// Silence of the broker connection, and the settings of topic discovery.
@Suite("Reception and discovery")
struct ReceptionTests {
    /// A connection whose times are seconds after an arbitrary start.
    private final class Connection {
        private var reception = Reception()
        private let start = ContinuousClock.now

        /// Returns true if the silence is noted in the log.
        func observe(_ messageCount: Int, isConnected: Bool = true, at seconds: Int) -> Bool {
            reception.observe(isConnected: isConnected, messageCount: messageCount, at: start + .seconds(seconds))
        }

        func silence(at seconds: Int) -> Duration? { reception.silence(at: start + .seconds(seconds)) }
    }

    @Test("A connection that receives nothing for a minute is noted once")
    func silent() {
        let connection = Connection()
        #expect(!connection.observe(0, at: 0))
        #expect(!connection.observe(0, at: 59))
        #expect(connection.silence(at: 59) == nil)
        #expect(connection.observe(0, at: 60))
        #expect(!connection.observe(0, at: 61))
        #expect(connection.silence(at: 90) == .seconds(90))
        #expect(!connection.observe(1, at: 91))
        #expect(connection.silence(at: 92) == nil)
    }

    @Test("A pause of devices that published before shows in the readiness, but not in the log")
    func pause() {
        let connection = Connection()
        _ = connection.observe(0, at: 0)
        _ = connection.observe(5, at: 1)
        #expect(!connection.observe(5, at: 500))
        #expect(connection.silence(at: 500) == .seconds(499))
    }

    @Test("A lost connection is not silent, and the next one is noted again")
    func reconnect() {
        let connection = Connection()
        _ = connection.observe(0, at: 0)
        #expect(connection.observe(0, at: 60))
        #expect(!connection.observe(0, isConnected: false, at: 70))
        #expect(connection.silence(at: 200) == nil)
        _ = connection.observe(0, at: 200)
        #expect(connection.observe(0, at: 260))
    }

    @Test("Discovery is on without configured routes, and as set otherwise")
    func modes() throws {
        let routes = #"routes: [{topic: "home/{device}"}]"#
        #expect(try SettingsFixture.load().isDiscovering)
        #expect(try !SettingsFixture.load(routes).isDiscovering)
        #expect(try SettingsFixture.load("discovery: on\n\(routes)").isDiscovering)
        #expect(try !SettingsFixture.load("discovery: off").isDiscovering)
        #expect(SettingsFixture.problems("discovery: perhaps").first?.contains("on, off, auto") == true)
        #expect(SettingsFixture.problems("mqtt: {discovery_filter: a#}").count == 1)
        #expect(SettingsFixture.problems("mqtt: {discovery_filter: $share/g/a}").count == 1)
    }

    @Test("The connection of discovery only listens, with a clean session at QoS 0")
    func connection() throws {
        let configuration = try SettingsFixture.load("mqtt: {url: 'mqtt://me:secret@broker'}")
        let listening = configuration.listening(to: try TopicFilter("#"), clientID: "other")
        #expect(listening.lastWill == nil && listening.birth == nil && listening.farewell == nil)
        #expect(!listening.keepsSession && listening.clientID == "other" && listening.password == "secret")
        #expect(listening.subscriptions == [MQTTSubscription(filter: try TopicFilter("#"), qos: .atMostOnce)])
        for topic in ["sensors/a/t", "windsock/status", "windsock/clock/a/response"] {
            #expect(configuration.takenFilters.contains { $0.matches(topic) }, "\(topic)")
        }
        #expect(!String(decoding: configuration.brokerJSON(routes: []), as: UTF8.self).contains("secret"))
    }
}
