import Core
import Dispatch
import MQTTTransport
import Telemetry

/// A simulated device's clock, and the client that measures its error by exchanging timestamps with the gateway. The
/// clock has the skew of the device's profile.
///
/// Several exchanges follow the first connection, then one per minute. If no answer arrives within two seconds, the
/// device starts with an uncorrected clock. Thread-safe: requests are sent on the scheduler's thread, and responses
/// arrive on the MQTT loop's.
final class ClockSyncClient: MQTTBatchHandler {
    /// The number of exchanges after the first connection, one after another.
    private static let burst = 4
    /// The time between later exchanges: `interval` while there is an estimate of the clock's error, otherwise
    /// `retryInterval`.
    private static let interval = Duration.seconds(60)
    private static let retryInterval = Duration.seconds(5)
    /// The maximum wait for an answer before the device starts, and the times at which the request is repeated
    /// meanwhile. The gateway may start a moment later than the device.
    private static let patience = DispatchTimeInterval.seconds(2)
    private static let firstRetries = [250, 500, 1000, 1500].map { DispatchTimeInterval.milliseconds($0) }

    private struct State {
        var filter = ClockFilter()
        var remaining = 0
        var askedAt: ContinuousClock.Instant?
        /// The request in flight: its id, and the time of the device's clock when it was sent.
        var question: (id: String, sentAt: Timestamp)?
        var questionCount = 0
        /// The client that publishes the requests. Weak, because the client retains this object as its handler.
        weak var client: MQTTClient?
        /// A callback for the end of the first exchanges, or of the wait for them. Called once.
        var ready: (@Sendable () -> Void)?
    }

    private let device: DeviceID
    private let skew: Duration
    private let clock: any WallClock
    private let state = Lock(State())

    /// Creates the clock of one device.
    ///
    /// - Parameters:
    ///   - skew: The offset by which the device's clock is ahead of `clock`.
    init(device: DeviceID, skew: Duration, clock: any WallClock) {
        self.device = device
        self.skew = skew
        self.clock = clock
    }

    /// The subscription to the gateway's time responses.
    var subscription: MQTTSubscription? {
        (try? TopicFilter(ClockTopics.response(to: device))).map {
            MQTTSubscription(filter: $0, qos: .atMostOnce, isOptional: true)
        }
    }

    /// Returns the device's own, uncorrected time.
    func now() -> Timestamp { clock.now().advanced(by: skew) }

    /// The estimated error of the device's clock; `nil` without a recent answer.
    var estimate: ClockEstimate? {
        let now = now()
        return state.withLock { $0.filter.estimate(at: now) }
    }

    /// Starts the first exchanges. Calls `ready` once they have completed, or when no answer arrives in time.
    func connected(through client: MQTTClient, ready: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.client = client
            state.ready = ready
            state.remaining = Self.burst
        }
        ask()
        let queue = DispatchQueue.global()
        for delay in Self.firstRetries { queue.asyncAfter(deadline: .now() + delay) { self.askAgain() } }
        queue.asyncAfter(deadline: .now() + Self.patience) { self.becomeReady() }
    }

    /// Starts an exchange if one is due.
    func refresh() {
        let now = ContinuousClock.now
        let isSynchronised = estimate != nil
        let isDue = state.withLock { state in
            guard let askedAt = state.askedAt,
                now - askedAt > (isSynchronised ? Self.interval : Self.retryInterval)
            else { return false }
            state.remaining = 1
            return true
        }
        if isDue { ask() }
    }

    func accept(_ batch: MQTTBatch) {
        let now = now()
        for message in batch.messages {
            guard let response = ClockMessage.Response(json: message.payload) else { continue }
            let goesOn = state.withLock { state -> Bool in
                guard let question = state.question, question.id == response.id,
                    let exchange = ClockExchange(
                        sentAt: question.sentAt, receivedAt: response.receivedAt, answeredAt: response.answeredAt,
                        returnedAt: now)
                else { return false }
                state.question = nil
                state.filter.add(exchange)
                return state.remaining > 0
            }
            if goesOn {
                ask()
            } else if estimate != nil {
                becomeReady()
            }
        }
    }

    /// Repeats the request if the first one is still unanswered.
    private func askAgain() {
        let isUnanswered = state.withLock { state in
            guard state.ready != nil, state.question != nil else { return false }
            state.remaining = Self.burst
            return true
        }
        if isUnanswered { ask() }
    }

    private func ask() {
        let (client, request) = state.withLock { state in
            state.questionCount += 1
            state.remaining -= 1
            state.askedAt = .now
            let id = "\(state.questionCount)"
            let sentAt = now()
            state.question = (id, sentAt)
            return (state.client, ClockMessage.Request(id: id, sentAt: sentAt))
        }
        try? client?.publish(MQTTPublication(topic: ClockTopics.request(of: device), payload: request.json))
    }

    private func becomeReady() {
        let ready = state.withLock { state in
            defer { state.ready = nil }
            return state.ready
        }
        ready?()
    }
}

/// A filter for the connection states of a device. It delays the report of the first connection until the clock is
/// synchronised or the wait for it has timed out, so that the device's first span already has the gateway's time. Later
/// connections are reported at once.
///
/// Called on the MQTT loop's thread.
final class ClockSyncGate: Sendable {
    private struct State {
        weak var client: MQTTClient?
        var isDone = false
        var latest: MQTTConnectionState = .idle
    }

    private let clock: ClockSyncClient
    private let state = Lock(State())

    init(clock: ClockSyncClient) {
        self.clock = clock
    }

    /// The device's MQTT client. Set it before the client connects.
    var client: MQTTClient? {
        get { state.withLock { $0.client } }
        set { state.withLock { $0.client = newValue } }
    }

    func connectionChanged(
        to connection: MQTTConnectionState, tell: @escaping @Sendable (MQTTConnectionState) -> Void
    ) {
        let (isFirst, client) = state.withLock { state in
            state.latest = connection
            guard connection.isConnected, !state.isDone else { return (false, state.client) }
            state.isDone = true
            return (true, state.client)
        }
        guard isFirst, let client else { return tell(connection) }
        clock.connected(through: client) { [self] in
            // Report the latest state, because the connection may be lost again.
            tell(state.withLock { $0.latest })
        }
    }
}
