package import CoreMetrics
package import MQTTTransport
import Realtime
package import Telemetry

/// Tells devices what time it is by the gateway, so that they know how far their clocks are off.
///
/// Called on the MQTT client's thread. Best effort (QoS 0): a device asks again.
package final class ClockService: Sendable {
    private let publish: @Sendable (MQTTPublication) -> Void
    private let budget: TraceBudget
    private let clock: any WallClock
    private let answered: Counter
    private let ignored: Counter

    /// - Parameters:
    ///   - answersPerSecond: requests beyond it are not answered.
    ///   - publish: sends a message to the broker without waiting.
    package init(
        answersPerSecond: Int = 1000, factory: any MetricsFactory, clock: any WallClock = SystemWallClock(),
        publish: @escaping @Sendable (MQTTPublication) -> Void
    ) {
        self.publish = publish
        self.clock = clock
        budget = TraceBudget(perSecond: answersPerSecond)
        answered = Counter(
            label: "windsock_clock_requests", dimensions: [("result", "answered")], factory: factory)
        ignored = Counter(label: "windsock_clock_requests", dimensions: [("result", "ignored")], factory: factory)
    }

    /// Answers a request; false when the message is none, and for others to take.
    func answer(_ message: MQTTMessage, receivedAt: Timestamp) -> Bool {
        guard let device = ClockTopics.device(requestingOn: message.topic) else { return false }
        // A request that was kept is of no use: when it was sent has nothing to do with now.
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
