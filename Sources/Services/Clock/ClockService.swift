package import Core
package import CoreMetrics
package import MQTTTransport
import Realtime
import Telemetry

/// A service that answers devices that ask for the gateway's time, so that they can correct their clocks.
///
/// Called on the MQTT client's thread. Best effort (QoS 0): a device without an answer asks again.
package final class ClockService: Sendable {
    private let publish: @Sendable (MQTTPublication) -> Void
    private let budget: RateLimit
    private let clock: any WallClock
    private let answered: Counter
    private let ignored: Counter

    /// - Parameters:
    ///   - answersPerSecond: The rate limit. Requests beyond it are not answered.
    ///   - publish: Sends a message to the broker without blocking.
    package init(
        answersPerSecond: Int = 1000, factory: any MetricsFactory, clock: any WallClock = SystemWallClock(),
        publish: @escaping @Sendable (MQTTPublication) -> Void
    ) {
        self.publish = publish
        self.clock = clock
        budget = RateLimit(perSecond: answersPerSecond)
        answered = Counter(
            label: "windsock_clock_requests", dimensions: [("result", "answered")], factory: factory)
        ignored = Counter(label: "windsock_clock_requests", dimensions: [("result", "ignored")], factory: factory)
    }

    /// Answers a clock request. Returns false when the message is not a clock request and must be handled elsewhere.
    func answer(_ message: MQTTMessage, receivedAt: Timestamp) -> Bool {
        guard let device = ClockTopics.device(requestingOn: message.topic) else { return false }
        // The send time of a retained request is meaningless, so it gets no answer.
        guard !message.isRetained, let request = ClockMessage.Request(json: message.payload),
            budget.take(at: receivedAt)
        else {
            ignored.increment()
            return true
        }
        let response = ClockMessage.Response(to: request, receivedAt: receivedAt, answeredAt: clock.now())
        publish(MQTTPublication(topic: ClockTopics.response(to: device), payload: response.json))
        answered.increment()
        return true
    }
}
