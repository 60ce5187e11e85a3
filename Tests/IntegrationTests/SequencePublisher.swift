import Core
import MQTTTransport
import TestSupport

/// Publishes readings with an increasing `seq` at QoS 1 and records which of them the broker accepted.
final class SequencePublisher: Sendable {
    private struct State {
        var next = 0
        var accepted: Set<Int> = []
        var isStopped = false
        var underWay = 0
    }

    private let client: MQTTClient
    private let loop: MQTTLoop
    private let ownsLoop: Bool
    private let maxUnderWay: Int
    private let topic: String
    private let state = Lock(State())

    /// - Parameters:
    ///   - maxUnderWay: The in-flight limit, low enough that a broker never queues more than the gateway's receive
    ///     maximum.
    ///   - loop: A loop shared by a fleet, or nil for a private one.
    init(port: Int, topic: String, maxUnderWay: Int = 4, loop: MQTTLoop? = nil) throws {
        self.topic = topic
        self.maxUnderWay = maxUnderWay
        self.loop = loop ?? MQTTLoop(name: "publisher")
        ownsLoop = loop == nil
        var configuration = MQTTConfiguration(
            port: port, clientID: "publisher-\(port)-\(topic.replacing("/", with: "-"))")
        configuration.backoff = .init(base: .milliseconds(20), cap: .milliseconds(200))
        client = try MQTTClient(
            configuration: configuration, loop: self.loop, logger: .silent)
        client.connect()
    }

    /// The numbers acknowledged by the broker so far.
    var accepted: Set<Int> { state.withLock { $0.accepted } }

    /// The last number passed to the client.
    var started: Int { state.withLock { $0.next } }

    /// Starts publishing as fast as the broker acknowledges.
    func start() {
        for _ in 0..<maxUnderWay { publishNext() }
    }

    /// Stops publishing and waits until all in-flight messages were acknowledged.
    func stop() async throws {
        state.withLock { $0.isStopped = true }
        try await eventually("everything was acknowledged", within: .seconds(30)) {
            self.state.withLock { $0.underWay == 0 }
        }
        await client.stop()
        if ownsLoop { loop.stop() }
    }

    private func publishNext() {
        let number: Int? = state.withLock { state in
            guard !state.isStopped else { return nil }
            state.next += 1
            state.underWay += 1
            return state.next
        }
        guard let number else { return }
        let publication = MQTTPublication(
            topic: topic, payload: Array(#"{"seq":\#(number),"temperature":21.5}"#.utf8), qos: .atLeastOnce)
        try? client.publish(publication) { succeeded in
            self.state.withLock { state in
                state.underWay -= 1
                if succeeded { state.accepted.insert(number) }
            }
            self.publishNext()
        }
    }
}
