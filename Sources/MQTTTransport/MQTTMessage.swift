/// A message received from the broker.
package struct MQTTMessage: Sendable {
    package var topic: String
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// True when the broker sent the message from its retained store. Such a message may be of any age.
    package var isRetained: Bool
    /// The packet identifier; 0 for QoS 0.
    package var packetID: UInt16
    /// The DUP flag: true when the broker has sent the message before (MQTT 5, section 3.3.1.1).
    ///
    /// It is known only for QoS 1 messages that follow a connect with a resumed session, up to and including the first
    /// new message. Otherwise it is `nil`.
    package var isDuplicate: Bool?
    /// The user properties `traceparent` and `tracestate`, in order; others are not read. Empty with MQTT 3.1.1.
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

/// A message to publish.
package struct MQTTPublication: Sendable, Hashable {
    package var topic: String
    package var payload: [UInt8]
    package var qos: MQTTQoS
    /// True when the broker keeps the message for later subscribers.
    package var retain: Bool
    /// User properties to send. MQTT 3.1.1 ignores them.
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

/// The quality of service of a message (MQTT 5, section 4.3).
///
/// QoS 2 is omitted on purpose: libmosquitto acknowledges it before the application has accepted the message.
/// Subscriptions therefore request QoS 1 at most, and the broker downgrades QoS 2 publications to QoS 1.
package enum MQTTQoS: UInt8, Sendable, Hashable {
    case atMostOnce = 0
    case atLeastOnce = 1
}

/// A user property of a message, for example `traceparent` (MQTT 5, section 3.3.2.3.7).
package struct MQTTUserProperty: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Messages that were read together and are acknowledged together.
package struct MQTTBatch: Sendable {
    /// The messages in the order in which the broker sent them.
    package var messages: [MQTTMessage]
    /// True for the first batch of a connection. It includes the redeliveries of a resumed session.
    package var isFirstAfterConnect: Bool
    /// True when the broker resumed an existing session for this connection.
    package var sessionPresent: Bool

    package init(messages: [MQTTMessage], isFirstAfterConnect: Bool = false, sessionPresent: Bool = false) {
        self.messages = messages
        self.isFirstAfterConnect = isFirstAfterConnect
        self.sessionPresent = sessionPresent
    }
}

/// The receiver of a client's messages.
package protocol MQTTBatchHandler: Sendable {
    /// Accepts a batch. Called on the thread of the client's ``MQTTLoop``, one batch at a time.
    ///
    /// The batch is acknowledged only after this method returns. If it throws, nothing is acknowledged: the client
    /// drops the connection, and the broker redelivers the QoS 1 messages after the reconnect.
    func accept(_ batch: MQTTBatch) throws

    /// Reports that the broker started a new session, so nothing of an earlier session will be redelivered. Called on
    /// the loop's thread, before the session's first batch.
    func sessionStarted()
}

extension MQTTBatchHandler {
    package func sessionStarted() {}
}
