import Core
import Logging
import MQTTTransport
import Telemetry
import TestSupport

/// Subscribes to every topic and records messages in order of arrival.
final class MessageRecorder: MQTTBatchHandler {
    private let received = Lock<[MQTTMessage]>([])

    var messages: [MQTTMessage] { received.withLock(\.self) }
    /// Messages other than births, farewells and last wills.
    var readings: [MQTTMessage] { messages.filter { !$0.topic.hasSuffix("/status") } }
    var topics: [String] { messages.map(\.topic) }
    var texts: [String] { readings.map { String(decoding: $0.payload, as: UTF8.self) } }

    func accept(_ batch: MQTTBatch) throws {
        received.withLock { $0 += batch.messages }
    }

    /// Runs `body` while recording everything that the broker receives.
    func recording<Value>(from broker: MosquittoBroker, _ body: () async throws -> Value) async throws -> Value {
        let loop = MQTTLoop(name: "recorder")
        var configuration = MQTTConfiguration(port: broker.port, clientID: "recorder")
        // A resumed session would not deliver retained messages.
        configuration.sessionExpiry = .zero
        configuration.subscriptions = [MQTTSubscription(filter: try TopicFilter("#"), qos: .atLeastOnce)]
        let client = try MQTTClient(
            configuration: configuration, handler: self, loop: loop, logger: Logger(label: "recorder"))
        client.connect()
        let result: Result<Value, any Error>
        do {
            // The recorder receives its own message once the broker has its subscription.
            try client.publish(MQTTPublication(topic: "probe", payload: [], qos: .atLeastOnce))
            try await eventually("the recorder hears itself") { topics.contains("probe") }
            received.withLock { $0.removeAll { $0.topic == "probe" } }
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await client.stop()
        loop.stop()
        return try result.get()
    }
}
