/// A message as the broker delivered it.
package struct MQTTMessage: Sendable {
    package var topic: String
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// Whether the broker sent it from its retained store, so that it may be of any age.
    package var isRetained: Bool
    /// 0 for QoS 0.
    package var packetID: UInt16
    /// Whether the broker says that it sent the message before: the DUP flag (MQTT 5, section 3.3.1.1).
    ///
    /// Known of QoS 1 messages from a connect that found the session up to the first that is new; `nil` of all others.
    package var isDuplicate: Bool?
    /// Those MQTT 5 user properties that are read, `traceparent` and `tracestate`, in order; empty with MQTT 3.1.1.
    package var userProperties: [MQTTUserProperty]

    package init(
        topic: String,
        payload: [UInt8],
        qos: MQTTQoS = .atMostOnce,
        isRetained: Bool = false,
        packetID: UInt16 = 0,
        isDuplicate: Bool? = nil,
        userProperties: [MQTTUserProperty] = []
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.packetID = packetID
        self.isDuplicate = isDuplicate
        self.userProperties = userProperties
    }
}
