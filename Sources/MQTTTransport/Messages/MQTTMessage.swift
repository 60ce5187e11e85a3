/// A message as the broker delivered it.
package struct MQTTMessage: Sendable {
    package var topic: String
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// Whether the broker sent it from its retained store, so that it may be of any age.
    package var isRetained: Bool
    /// 0 for QoS 0.
    package var packetID: UInt16
    /// MQTT 5 user properties, in order; empty with MQTT 3.1.1.
    package var userProperties: [MQTTUserProperty]

    package init(
        topic: String,
        payload: [UInt8],
        qos: MQTTQoS = .atMostOnce,
        isRetained: Bool = false,
        packetID: UInt16 = 0,
        userProperties: [MQTTUserProperty] = []
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.packetID = packetID
        self.userProperties = userProperties
    }
}
