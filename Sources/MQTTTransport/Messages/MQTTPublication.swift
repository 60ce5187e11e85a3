/// A message to publish.
package struct MQTTPublication: Sendable, Hashable {
    package var topic: String
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// Whether the broker keeps it for those who subscribe later.
    package var retain: Bool
    /// Sent with MQTT 5 only.
    package var userProperties: [MQTTUserProperty]

    package init(
        topic: String,
        payload: [UInt8],
        qos: MQTTQoS = .atMostOnce,
        retain: Bool = false,
        userProperties: [MQTTUserProperty] = []
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.userProperties = userProperties
    }
}
