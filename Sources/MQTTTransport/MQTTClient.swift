package import Logging
import Telemetry

/// A connection to an MQTT broker that keeps itself up.
///
/// Received messages go to the handler in batches, on the loop's thread, and are acknowledged only after it took
/// them. Thread-safe.
package final class MQTTClient: Sendable {
    /// As it was given.
    package let configuration: MQTTConfiguration

    private let loop: MQTTLoop
    private let session: MQTTSession
    private let shared: MQTTClientState

    /// A client that is not connected yet.
    ///
    /// - Parameters:
    ///   - handler: Takes what arrives; `nil` for a client that only publishes.
    ///   - loop: The thread that serves it; may be shared by many clients.
    ///   - random: Decides the back-off's jitter.
    ///   - onStateChange: Told of every change, on the loop's thread; it must not block.
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
        session = MQTTSession(
            configuration: configuration, handler: handler, shared: shared, loop: loop, random: random,
            logger: logger)
    }

    package var state: MQTTConnectionState { shared.read(\.state) }
    package var counters: MQTTCounters { shared.read(\.counters) }
    /// The subscriptions that the broker refused on this connection; each names its filter.
    package var refusedSubscriptions: [MQTTError] { shared.read(\.refusedSubscriptions) }
    /// Publications that wait or are not yet completed.
    package var outstandingPublications: Int { shared.read(\.outstanding) }

    /// Connects, and reconnects from then on whenever the connection breaks. Also ends ``disconnect()``.
    package func connect() {
        loop.post { [loop, session] in
            loop.add(session)
            session.connect()
        }
    }

    /// Disconnects and stays away until ``connect()``; the broker does not publish the will.
    package func disconnect() {
        loop.post { [session] in session.goOffline(gracefully: true) }
    }

    /// Breaks the connection without a word, as a device does that loses power, and stays away until ``connect()``;
    /// the broker publishes the will.
    package func dropConnection() {
        loop.post { [session] in session.goOffline(gracefully: false) }
    }

    /// Publishes without waiting. `completion` is called on the loop's thread: true when the broker acknowledged
    /// (QoS 1) or the socket took it (QoS 0), false when it was given up.
    ///
    /// QoS 1 messages wait for the connection when there is none; QoS 0 messages are given up.
    /// - Throws: ``MQTTError/invalidPublication(_:)``, ``MQTTError/outboundQueueFull(limit:)``, or
    ///   ``MQTTError/stopped``; then `completion` is not called.
    package func publish(
        _ publication: MQTTPublication, completion: (@Sendable (Bool) -> Void)? = nil
    ) throws(MQTTError) {
        do throws(TopicNameError) {
            _ = try TopicName(publication.topic)
        } catch {
            throw .invalidPublication("\(error)")
        }
        // What does not fit into any packet would be found out only later, and count as given up.
        guard publication.payload.count < 268_000_000 else {
            throw .invalidPublication("its payload has \(publication.payload.count) bytes; MQTT allows 256 MiB")
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

    /// Acknowledges what was accepted, publishes what waits and the farewell, disconnects, and gives up. The broker
    /// keeps the session for its expiry. Returns when that is done; a second call returns at once.
    ///
    /// - Parameter deadline: How long the socket may take to take what is still to be written.
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
