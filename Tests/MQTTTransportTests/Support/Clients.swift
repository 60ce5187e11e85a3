import Core
import Logging
import MQTTTransport
import Telemetry
import TestSupport

/// A logger that keeps nothing.
let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// The states that a client went through.
final class StateLog: Sendable {
    private let log = Lock<[MQTTConnectionState]>([])
    func append(_ state: MQTTConnectionState) { log.withLock { $0.append(state) } }
    var states: [MQTTConnectionState] { log.withLock { $0 } }

    /// What the client waited for, attempt by attempt.
    var failures: [MQTTError] {
        states.compactMap { if case .waiting(let error) = $0 { error } else { nil } }
    }

    /// The levels of the protocol of each connection that came about.
    var levels: [Int] {
        states.compactMap { if case .connected(let level, _) = $0 { level } else { nil } }
    }
}

/// A client with a loop of its own, stopped when `body` returns or throws.
func withClient<Result>(
    _ configuration: MQTTConfiguration, handler: (any MQTTBatchHandler)? = nil, log: StateLog = StateLog(),
    logger: Logger = silentLogger, isolation: isolated (any Actor)? = #isolation,
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
    /// For a broker of a test: reconnects at once, and stays away from others' sessions.
    static func test(port: Int, id: String, filters: [String] = [], qos: MQTTQoS = .atLeastOnce) throws -> Self {
        var configuration = MQTTConfiguration(
            port: port, clientID: id, sessionExpiry: .zero,
            subscriptions: try filters.map { MQTTSubscription(filter: try TopicFilter($0), qos: qos) },
            backoff: .init(base: .milliseconds(1), cap: .milliseconds(20)))
        // A machine that begins hundreds of tests at once answers late.
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

/// How a publication ended, once it has.
private final class Outcome: Sendable {
    let value = Lock<Bool?>(nil)
}

extension MQTTClient {
    /// Waits until the broker has answered CONNECT with yes.
    func waitUntilConnected(isolation: isolated (any Actor)? = #isolation) async throws {
        try await eventually("\(configuration.clientID) is connected, now \(state)") { state.isConnected }
    }

    /// Publishes, and waits until the broker has it; false when it was given up.
    func publishAndWait(
        _ publication: MQTTPublication, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Bool {
        let outcome = Outcome()
        try publish(publication) { succeeded in outcome.value.withLock { $0 = succeeded } }
        try await eventually("the publication ended") { outcome.value.withLock { $0 != nil } }
        return outcome.value.withLock { $0 == true }
    }
}

/// Connects, publishes, waits until the broker has all of it, and disconnects.
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
