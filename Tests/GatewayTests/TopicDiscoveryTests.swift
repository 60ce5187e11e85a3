import Core
import MQTTTransport
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// The connection of topic discovery, with a real broker.
@Suite("Connection of topic discovery")
struct TopicDiscoveryTests {
    /// Runs discovery while `body` runs.
    private static func run(
        _ broker: MosquittoBroker, limits: TopicSampler.Limits = TopicSampler.Limits(),
        isIngesting: @escaping @Sendable () -> Bool = { true },
        _ body: @Sendable @escaping (TopicDiscovery) async throws -> Void
    ) async throws {
        let configuration = try SettingsFixture.load(flags: ["mqtt.url": broker.url])
        let discovery = try TopicDiscovery(
            configuration, filter: try TopicFilter("#"), clientID: "discovery", limits: limits, logger: .silent,
            isIngesting: isIngesting)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await discovery.run() }
            try await body(discovery)
            group.cancelAll()
        }
    }

    @Test("When too many messages arrive, it disconnects, and returns after a pause")
    func pause() async throws {
        let broker = try await MosquittoBroker.start()
        var limits = TopicSampler.Limits()
        (limits.burst, limits.messagesPerSecond) = (10, 10)
        try await Self.run(broker, limits: limits) { discovery in
            try await eventually("discovery listens") { discovery.state == .listening }
            let publisher = try await Publisher(port: broker.port)
            try await eventually("discovery pauses") {
                for number in 0..<20 { try await publisher.publish([65], to: "flood/\(number)") }
                return discovery.state == .paused
            }
            #expect(discovery.report().counts.unexamined > 0)
            try await eventually("discovery listens again") { discovery.state == .listening }
            await publisher.stop()
        }
    }

    @Test("It is connected only while ingest is")
    func besideIngest() async throws {
        let broker = try await MosquittoBroker.start()
        let isIngesting = Lock(false)
        try await Self.run(broker, isIngesting: { isIngesting.withLock { $0 } }) { discovery in
            #expect(discovery.state == .waiting)
            isIngesting.withLock { $0 = true }
            try await eventually("discovery listens") { discovery.state == .listening }
            isIngesting.withLock { $0 = false }
            try await eventually("discovery has left") { discovery.state == .waiting }
            try await broker.waitForLog("that the client has left") {
                $0.contains("discovery") && $0.contains("disconnected")
            }
            #expect(discovery.problem == nil)
        }
    }
}
