import Core
import Logging
import MQTTTransport
import Synchronization
import Telemetry
import TestSupport

/// Answers the clock requests of devices, as a gateway does.
final class ClockResponder: MQTTBatchHandler {
    private let client = Lock<MQTTClient?>(nil)
    private let requestCount = Atomic(0)
    /// The number of device requests left unanswered, as if the gateway were not yet running.
    private let ignored: Int

    init(ignoring ignored: Int = 0) {
        self.ignored = ignored
    }

    var requests: Int { requestCount.load(ordering: .relaxed) }

    func accept(_ batch: MQTTBatch) {
        for message in batch.messages {
            guard let device = ClockTopics.device(requestingOn: message.topic),
                let request = ClockMessage.Request(json: message.payload)
            else { continue }
            // The first request is the responder's own.
            let count = requestCount.add(1, ordering: .relaxed).newValue
            if (2..<2 + ignored).contains(count) { continue }
            let now = SystemWallClock().now()
            let response = ClockMessage.Response(to: request, receivedAt: now, answeredAt: now)
            try? client.withLock { $0 }?.publish(
                MQTTPublication(topic: ClockTopics.response(to: device), payload: response.json))
        }
    }

    /// Runs `body` while answering requests.
    func answering<Value>(at broker: MosquittoBroker, _ body: () async throws -> Value) async throws -> Value {
        let loop = MQTTLoop(name: "responder")
        var configuration = MQTTConfiguration(port: broker.port, clientID: "responder")
        configuration.subscriptions = [MQTTSubscription(filter: try TopicFilter(ClockTopics.requests))]
        let client = try MQTTClient(
            configuration: configuration, handler: self, loop: loop, logger: Logger(label: "responder"))
        self.client.withLock { $0 = client }
        client.connect()
        let result: Result<Value, any Error>
        do {
            try await eventually("the responder is connected") { client.state.isConnected }
            // The subscription is in force once a message sent after it comes back.
            try client.publish(
                MQTTPublication(topic: "windsock/clock/probe/request", payload: Array(#"{"t0":0}"#.utf8)))
            try await eventually("the responder hears requests") { self.requests > 0 }
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        self.client.withLock { $0 = nil }
        await client.stop()
        loop.stop()
        return try result.get()
    }
}
