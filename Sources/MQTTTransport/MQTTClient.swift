import Core
package import Logging
import Telemetry

/// An MQTT client that reconnects by itself.
///
/// Delivers received messages to its ``MQTTBatchHandler`` in batches, on the thread of its ``MQTTLoop``, and
/// acknowledges them only after the handler has accepted them. Thread-safe.
package final class MQTTClient: Sendable {
    /// The configuration passed to `init`.
    package let configuration: MQTTConfiguration

    private let loop: MQTTLoop
    private let session: MQTTSession
    private let shared: MQTTClientState
    private let wanted: Lock<[MQTTSubscription]>

    /// Creates a client that is not connected yet.
    ///
    /// - Parameters:
    ///   - handler: receives the messages; `nil` for a client that only publishes.
    ///   - loop: the thread that serves the client. Many clients can share one.
    ///   - random: the source of randomness for the back-off's jitter.
    ///   - onStateChange: called for every state change, on the loop's thread. It must not block.
    /// - Throws: ``MQTTError/invalidConfiguration(_:)``.
    package init(
        configuration: MQTTConfiguration,
        handler: (any MQTTBatchHandler)? = nil,
        loop: MQTTLoop,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        logger: Logger,
        onStateChange: (@Sendable (MQTTConnectionState) -> Void)? = nil
    ) throws(MQTTError) {
        try configuration.validate()
        self.configuration = configuration
        self.loop = loop
        shared = MQTTClientState(onStateChange: onStateChange)
        wanted = Lock(MQTTSubscription.minimal(configuration.subscriptions))
        session = MQTTSession(
            configuration: configuration, handler: handler, shared: shared, loop: loop, random: random,
            logger: logger)
    }

    package var state: MQTTConnectionState { shared.read(\.state) }
    package var counters: MQTTCounters { shared.read(\.counters) }
    /// The subscriptions of the configuration, or those that have replaced them, without those that others cover.
    package var subscriptions: [MQTTSubscription] { wanted.withLock { $0 } }
    /// The errors for subscriptions that the broker refused on this connection, except optional ones. Each names its
    /// topic filter.
    package var refusedSubscriptions: [MQTTError] { shared.read(\.refusedSubscriptions) }
    /// The number of publications that are queued or in flight.
    package var outstandingPublications: Int { shared.read(\.outstanding) }

    /// Connects, and reconnects whenever the connection breaks. Also ends the offline state after ``disconnect()`` or
    /// ``dropConnection()``.
    package func connect() {
        loop.post { [loop, session] in
            loop.add(session)
            session.connect()
        }
    }

    /// Replaces the subscriptions of the configuration: subscribes to the new ones and unsubscribes from the others, now or
    /// after the next connect.
    package func replaceSubscriptions(_ subscriptions: [MQTTSubscription]) {
        let minimal = MQTTSubscription.minimal(subscriptions)
        wanted.withLock { $0 = minimal }
        loop.post { [session] in session.replaceSubscriptions(subscriptions) }
    }

    /// Disconnects gracefully, so that the broker does not publish the last will. Stays offline until ``connect()``.
    package func disconnect() {
        loop.post { [session] in session.goOffline(gracefully: true) }
    }

    /// Drops the connection without DISCONNECT, like a device that loses power, so that the broker publishes the last
    /// will. Stays offline until ``connect()``.
    package func dropConnection() {
        loop.post { [session] in session.goOffline(gracefully: false) }
    }

    /// Queues a publication and returns without waiting.
    ///
    /// QoS 1 messages wait until there is a connection. QoS 0 messages are dropped when there is none.
    ///
    /// - Parameter completion: called on the loop's thread with true when the broker acknowledged the message (QoS 1)
    ///   or the socket accepted it (QoS 0), and with false when the message was dropped.
    /// - Throws: ``MQTTError/invalidPublication(_:)``, ``MQTTError/outboundQueueFull(limit:)``, or
    ///   ``MQTTError/stopped``. In these cases `completion` is not called.
    package func publish(
        _ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)? = nil
    ) throws(MQTTError) {
        do throws(TopicError) {
            _ = try TopicName(publication.topic)
        } catch {
            throw .invalidPublication("\(error)")
        }
        // Reject oversized payloads here. Otherwise they would fail only later and count as dropped.
        guard publication.payload.count < 268_000_000 else {
            throw .invalidPublication(
                "its payload has \(publication.payload.count) bytes; allowed: less than 268000000")
        }
        guard shared.reserve(limit: configuration.maxOutboundMessages) else {
            throw .outboundQueueFull(limit: configuration.maxOutboundMessages)
        }
        let accepted = loop.post { [session] in session.publish(publication, completion: completion) }
        guard accepted else {
            shared.update { $0.outstanding -= 1 }
            throw .stopped
        }
    }

    /// Stops the client for good and returns when it has stopped. Later calls return at once.
    ///
    /// Acknowledges accepted messages, sends queued publications and the farewell, and disconnects. Drops publications
    /// that are still unacknowledged after that. The broker keeps the session until it expires.
    ///
    /// - Parameter deadline: the maximum time for writing the remaining data to the socket.
    package func stop(within deadline: Duration = .seconds(1)) async {
        await withCheckedContinuation { continuation in
            let accepted = loop.post { [loop, session] in
                session.stop(within: deadline)
                loop.remove(session)
                continuation.resume()
            }
            if !accepted { continuation.resume() }
        }
    }
}

/// The state of the connection to the broker.
package enum MQTTConnectionState: Sendable, Equatable, CustomStringConvertible {
    /// Created, but `connect()` has not been called.
    case idle
    case connecting
    /// Connected. `protocolLevel` is 5, or 4 for MQTT 3.1.1.
    case connected(protocolLevel: Int, sessionPresent: Bool)
    /// The last attempt or connection failed. The client will try again.
    case waiting(MQTTError)
    /// Disconnected on request. The client can be connected again.
    case disconnected
    case stopped

    package var isConnected: Bool {
        if case .connected = self { true } else { false }
    }

    /// 5, or 4 for MQTT 3.1.1, while connected; otherwise 0.
    package var protocolLevel: Int {
        if case .connected(let level, _) = self { level } else { 0 }
    }

    /// The state as one word, for `/readyz` and metrics.
    package var word: String {
        switch self {
        case .idle: "idle"
        case .connecting: "connecting"
        case .connected: "connected"
        case .waiting: "waiting"
        case .disconnected: "disconnected"
        case .stopped: "stopped"
        }
    }

    package var description: String {
        switch self {
        case .connected(let level, let present):
            "connected with MQTT \(level == 5 ? "5" : "3.1.1")\(present ? ", session resumed" : "")"
        case .waiting(let error): "waiting to reconnect: \(error)"
        default: word
        }
    }
}

/// Totals since the client was created.
package struct MQTTCounters: Sendable, Equatable {
    package var messagesReceived = 0
    package var bytesReceived = 0
    package var batches = 0
    /// Batches that the handler rejected. The broker delivers their QoS 1 messages again.
    package var batchesRefused = 0
    package var connects = 0
    package var connectFailures = 0
    package var published = 0
    /// Publications that the broker acknowledged (QoS 1) or that were written to the socket (QoS 0).
    package var publishCompleted = 0
    /// Publications that were dropped because there was no connection (QoS 0), because the client was stopped, or
    /// because the broker does not accept them.
    package var publishDropped = 0
}

/// The part of a client's state that other threads can read.
final class MQTTClientState: Sendable {
    struct Values {
        var state = MQTTConnectionState.idle
        var counters = MQTTCounters()
        var refusedSubscriptions: [MQTTError] = []
        /// The number of publications that are queued or in flight.
        var outstanding = 0
    }

    private let values = Lock(Values())
    private let onStateChange: (@Sendable (MQTTConnectionState) -> Void)?

    init(onStateChange: (@Sendable (MQTTConnectionState) -> Void)?) {
        self.onStateChange = onStateChange
    }

    func read<Result: Sendable>(_ body: (Values) -> Result) -> Result {
        values.withLock { body($0) }
    }

    /// Changes the values, and reports a changed connection state outside of the lock.
    func update(_ body: (inout Values) -> Void) {
        let changed: MQTTConnectionState? = values.withLock { values in
            let before = values.state
            body(&values)
            return values.state == before ? nil : values.state
        }
        if let changed { onStateChange?(changed) }
    }

    /// Counts one more outstanding publication. Returns false, and does not count it, if `limit` is reached.
    func reserve(limit: Int) -> Bool {
        values.withLock { values in
            guard values.outstanding < limit else { return false }
            values.outstanding += 1
            values.counters.published += 1
            return true
        }
    }
}
