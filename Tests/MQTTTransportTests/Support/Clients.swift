import Core
import Logging
import MQTTTransport
import Telemetry
import TestSupport

/// Records a client's state changes.
final class StateLog: Sendable {
    private let log = Lock<[MQTTConnectionState]>([])
    func append(_ state: MQTTConnectionState) { log.withLock { $0.append(state) } }
    var states: [MQTTConnectionState] { log.withLock { $0 } }

    /// The error of each failed attempt, in order.
    var failures: [MQTTError] {
        states.compactMap { if case .waiting(let error) = $0 { error } else { nil } }
    }

    /// The protocol level of each established connection.
    var levels: [Int] {
        states.compactMap { if case .connected(let level, _) = $0 { level } else { nil } }
    }
}

/// Runs `body` with a client on a loop of its own, and always stops the client afterwards.
func withClient<Result>(
    _ configuration: MQTTConfiguration, handler: (any MQTTBatchHandler)? = nil, log: StateLog = StateLog(),
    logger: Logger = .silent, isolation: isolated (any Actor)? = #isolation,
    _ body: (MQTTClient) async throws -> Result
) async throws -> Result {
    let loop = MQTTLoop(name: "test")
    let client = try MQTTClient(configuration: configuration, handler: handler, loop: loop, logger: logger) {
        log.append($0)
    }
    client.connect()
    do {
        let result = try await body(client)
        await client.stop()
        loop.stop()
        return result
    } catch {
        await client.stop()
        loop.stop()
        throw error
    }
}

extension MQTTConfiguration {
    /// A configuration for a test's broker. It reconnects at once and uses a session of its own.
    static func test(port: Int, id: String, filters: [String] = [], qos: MQTTQoS = .atLeastOnce) throws -> Self {
        var configuration = MQTTConfiguration(
            port: port, clientID: id, sessionExpiry: .zero,
            subscriptions: try filters.map { MQTTSubscription(filter: try TopicFilter($0), qos: qos) },
            backoff: .init(base: .milliseconds(1), cap: .milliseconds(20)))
        // A machine that starts hundreds of tests at once responds slowly.
        configuration.connectTimeout = .seconds(25)
        return configuration
    }

    func with(_ change: (inout MQTTConfiguration) throws -> Void) rethrows -> MQTTConfiguration {
        var copy = self
        try change(&copy)
        return copy
    }
}

extension MQTTPublication {
    init(_ text: String, to topic: String, qos: MQTTQoS = .atLeastOnce, retain: Bool = false) {
        self.init(topic: topic, payload: Array(text.utf8), qos: qos, retain: retain)
    }
}

/// The outcome of a publication, once it is known.
private final class Outcome: Sendable {
    let value = Lock<Bool?>(nil)
}

extension MQTTClient {
    /// Waits until the broker has accepted CONNECT.
    func waitUntilConnected(isolation: isolated (any Actor)? = #isolation) async throws {
        try await eventually("\(configuration.clientID) is connected, now \(state)") { state.isConnected }
    }

    /// Publishes and waits for the broker's acknowledgement. Returns false when the publication was given up.
    func publishAndWait(
        _ publication: MQTTPublication, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Bool {
        let outcome = Outcome()
        try publish(publication) { succeeded in outcome.value.withLock { $0 = succeeded } }
        try await eventually("the publication ended") { outcome.value.withLock { $0 != nil } }
        return outcome.value.withLock { $0 == true }
    }
}

/// Connects, publishes, waits until the broker has received everything, and disconnects.
func publish(
    _ publications: [MQTTPublication], to broker: MosquittoBroker, isolation: isolated (any Actor)? = #isolation
) async throws {
    let configuration = try MQTTConfiguration.test(port: broker.port, id: "publisher-\(UInt64.random(in: 0 ... .max))")
    try await withClient(configuration.with { $0.maxOutboundMessages = 65_535 }) { client in
        try await client.waitUntilConnected()
        for publication in publications { try client.publish(publication) }
        try await eventually("the broker has it all", within: .seconds(30)) {
            client.outstandingPublications == 0
        }
    }
}
