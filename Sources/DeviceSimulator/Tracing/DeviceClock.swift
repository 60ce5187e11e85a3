import Core
import Dispatch
import MQTTTransport
import Telemetry

/// A simulated device's clock: wrong by the profile's skew, and set right by asking the gateway.
///
/// The device knows no other time than its own. It asks when it connects, a few times in a row, and then every minute;
/// without an answer it goes on uncorrected after two seconds. Thread-safe: asked on the scheduler's thread, answered on
/// the MQTT loop's.
final class DeviceClock: MQTTBatchHandler {
    /// Exchanges at the start, one after the other.
    private static let burst = 4
    /// Later exchanges, and how soon one is tried again that was not answered.
    private static let interval = Duration.seconds(60)
    private static let retryInterval = Duration.seconds(5)
    /// How long the device waits for the first answer before it begins, and how often it asks meanwhile: the gateway
    /// may come a moment later.
    private static let patience = DispatchTimeInterval.seconds(2)
    private static let firstRetries = [250, 500, 1000, 1500].map { DispatchTimeInterval.milliseconds($0) }

    private struct State {
        var filter = ClockFilter()
        var remaining = 0
        var askedAt: ContinuousClock.Instant?
        /// The question under way: its id, and when it was sent by the device's clock.
        var question: (id: String, sentAt: Timestamp)?
        var questionCount = 0
        /// Weak: the client holds its handler.
        weak var client: MQTTClient?
        /// Called once, when the first exchange is done or given up.
        var ready: (@Sendable () -> Void)?
    }

    private let device: DeviceID
    private let skew: Duration
    private let clock: any WallClock
    private let state = Lock(State())

    /// - Parameters:
    ///   - skew: How far the device's clock is ahead of `clock`.
    init(device: DeviceID, skew: Duration, clock: any WallClock) {
        self.device = device
        self.skew = skew
        self.clock = clock
    }

    /// What the device subscribes to.
    var subscription: MQTTSubscription? {
        (try? TopicFilter(ClockTopics.response(to: device))).map {
            MQTTSubscription(filter: $0, qos: .atMostOnce, isOptional: true)
        }
    }

    /// What the device believes that the time is.
    func now() -> Timestamp { clock.now().advanced(by: skew) }

    /// What it knows of how wrong it is.
    var estimate: ClockEstimate? {
        let now = now()
        return state.withLock { $0.filter.estimate(at: now) }
    }

    /// Begins to ask; `ready` is called once, when an answer came or none did.
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

    /// Asks again when it is time to.
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

    /// Asks once more while nothing was answered.
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
