import Telemetry

/// How a client connects to its broker, and what it asks for: plain values, checked by ``validate()``.
///
/// Its description and its mirror leave the password out.
package struct MQTTConfiguration: Sendable, CustomStringConvertible, CustomReflectable {
    /// Which protocol to speak.
    package enum ProtocolVersion: Sendable, Hashable {
        /// MQTT 5, or 3.1.1 when the broker refuses 5.
        case automatic
        case v5
        case v311
    }

    package var host: String
    package var port: Int
    package var protocolVersion: ProtocolVersion
    /// Names the session at the broker; two clients with the same id throw each other out.
    package var clientID: String
    package var username: String?
    package var password: String?
    package var tls: MQTTTLSConfiguration?
    /// Between signs of life; 5 s to 18 h.
    package var keepAlive: Duration
    /// How long the broker keeps the session, with what arrives meanwhile; zero asks for a clean session each time.
    package var sessionExpiry: Duration
    /// QoS 1 messages that the broker may send before the first is acknowledged: what bounds a batch.
    package var receiveMaximum: Int
    package var subscriptions: [MQTTSubscription]
    /// What the broker publishes when the client vanishes.
    package var lastWill: MQTTPublication?
    /// Published after every connect; with ``farewell`` the opposite of the will.
    package var birth: MQTTPublication?
    /// Published before a graceful disconnect.
    package var farewell: MQTTPublication?
    package var backoff: ReconnectBackoff.Configuration
    /// For everything from the lookup of the name to the answer to CONNECT.
    package var connectTimeout: Duration
    /// Messages after which a batch is handed on although more could be read.
    package var maxBatchMessages: Int
    /// Bytes of payload after which a batch is handed on although more could be read.
    package var maxBatchBytes: Int
    /// How far small batches are apart while messages keep coming. A message that comes after a pause is taken at once;
    /// of a stream, those of one interval are taken together, so that each does not cost a transaction of its own.
    package var batchInterval: Duration
    /// The longest packet of MQTT (MQTT 5.0, section 2.1.4).
    package static let maxPacketByteCount = 268_435_455
    /// The longest packet that the broker may send; it drops longer messages. MQTT 3.1.1 knows no such limit.
    package var maxPacketBytes: Int
    /// Publications that may wait or be unacknowledged at once.
    package var maxOutboundMessages: Int

    package init(
        host: String = "127.0.0.1",
        port: Int = 1883,
        clientID: String,
        protocolVersion: ProtocolVersion = .automatic,
        username: String? = nil,
        password: String? = nil,
        tls: MQTTTLSConfiguration? = nil,
        keepAlive: Duration = .seconds(30),
        sessionExpiry: Duration = .seconds(86_400),
        receiveMaximum: Int = 1000,
        subscriptions: [MQTTSubscription] = [],
        lastWill: MQTTPublication? = nil,
        birth: MQTTPublication? = nil,
        farewell: MQTTPublication? = nil,
        backoff: ReconnectBackoff.Configuration = .init(),
        connectTimeout: Duration = .seconds(10),
        maxBatchMessages: Int = 512,
        maxBatchBytes: Int = 4_194_304,
        batchInterval: Duration = .zero,
        maxPacketBytes: Int = 2_097_152,
        maxOutboundMessages: Int = 1000
    ) {
        self.host = host
        self.port = port
        self.clientID = clientID
        self.protocolVersion = protocolVersion
        self.username = username
        self.password = password
        self.tls = tls
        self.keepAlive = keepAlive
        self.sessionExpiry = sessionExpiry
        self.receiveMaximum = receiveMaximum
        self.subscriptions = subscriptions
        self.lastWill = lastWill
        self.birth = birth
        self.farewell = farewell
        self.backoff = backoff
        self.connectTimeout = connectTimeout
        self.maxBatchMessages = maxBatchMessages
        self.maxBatchBytes = maxBatchBytes
        self.batchInterval = batchInterval
        self.maxPacketBytes = maxPacketBytes
        self.maxOutboundMessages = maxOutboundMessages
    }

    /// Whether the broker keeps a session between connections.
    package var keepsSession: Bool { sessionExpiry > .zero }

    package var description: String {
        "\(tls == nil ? "mqtt" : "mqtts")://\(username.map { "\($0)@" } ?? "")\(host):\(port) as \(clientID)"
    }

    package var customMirror: Mirror { Mirror(self, children: ["broker": description]) }

    /// Throws ``MQTTError/invalidConfiguration(_:)`` that names what cannot be used and what is allowed.
    package func validate() throws(MQTTError) {
        func require(_ condition: Bool, _ problem: String) throws(MQTTError) {
            guard condition else { throw .invalidConfiguration(problem) }
        }
        try require(!host.isEmpty, "The broker's host is empty.")
        try require((1...65_535).contains(port), "The broker's port is \(port); allowed are 1 to 65535.")
        try require(
            (1...256).contains(clientID.utf8.count) && !clientID.utf8.contains(0),
            "The client id must have 1 to 256 bytes.")
        try require(
            keepAlive >= .seconds(5) && keepAlive <= .seconds(65_535),
            "The keep-alive is \(keepAlive); allowed are 5 s to 65535 s.")
        try require(
            sessionExpiry >= .zero && sessionExpiry <= .seconds(4_294_967_294),
            "The session expiry is \(sessionExpiry); allowed are 0 s to 4294967294 s.")
        try require(
            (1...65_535).contains(receiveMaximum),
            "The receive maximum is \(receiveMaximum); allowed are 1 to 65535.")
        try require(connectTimeout > .zero, "The connect timeout is \(connectTimeout); it must be above 0 s.")
        try require(maxBatchMessages > 0, "A batch must hold at least one message.")
        try require(maxBatchBytes > 0, "A batch must hold at least one byte.")
        try require(
            (.zero...(.seconds(1))).contains(batchInterval),
            "The interval of batches is \(batchInterval); allowed are 0 to 1 s.")
        try require(
            (1024...Self.maxPacketByteCount).contains(maxPacketBytes),
            "The longest packet is \(maxPacketBytes) bytes; allowed are 1024 to \(Self.maxPacketByteCount).")
        try require(
            (1...65_535).contains(maxOutboundMessages),
            "The limit of waiting publications is \(maxOutboundMessages); allowed are 1 to 65535.")
        try require(password == nil || username != nil, "A password needs a user name.")
        for (name, publication) in [("last will", lastWill), ("birth message", birth), ("farewell", farewell)] {
            guard let publication else { continue }
            do throws(TopicNameError) {
                _ = try TopicName(publication.topic)
            } catch {
                throw .invalidConfiguration("The topic of the \(name) cannot be used: \(error)")
            }
            try require(publication.payload.count <= 65_535, "The \(name) has more than 65535 bytes.")
        }
        try tls?.validate()
        try backoff.validate()
    }
}
