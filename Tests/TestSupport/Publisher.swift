import MQTTTransport

/// Publishes single messages at QoS 1 and awaits each acknowledgement.
package struct Publisher {
    private let client: MQTTClient
    private let loop = MQTTLoop(name: "publisher")

    package init(port: Int) async throws {
        client = try MQTTClient(
            configuration: MQTTConfiguration(port: port, clientID: "single-publisher"), loop: loop,
            logger: .silent)
        client.connect()
        let client = self.client
        try await eventually("the publisher is connected") { client.state.isConnected }
    }

    package func publish(_ payload: [UInt8], to topic: String, retain: Bool = false) async throws {
        let publication = MQTTPublication(topic: topic, payload: payload, qos: .atLeastOnce, retain: retain)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do {
                try client.publish(publication) { succeeded in
                    continuation.resume(with: succeeded ? .success(()) : .failure(MQTTError.stopped))
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    package func stop() async {
        await client.stop()
        loop.stop()
    }
}
