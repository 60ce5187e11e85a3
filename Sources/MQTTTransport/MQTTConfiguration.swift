import Core
import Foundation
package import Telemetry

/// The settings of a client and its broker connection. Plain values; ``validate()`` checks them.
///
/// The description and the mirror omit the password.
package struct MQTTConfiguration: Sendable, CustomStringConvertible, CustomReflectable {
    /// The MQTT version to use.
    package enum ProtocolVersion: Sendable, Hashable {
        /// MQTT 5, with a fallback to 3.1.1 if the broker refuses it.
        case automatic
        case v5
        case v311
    }

    package var host: String
    package var port: Int
    package var protocolVersion: ProtocolVersion
    /// The name of the session at the broker, 1 to 256 bytes. Two clients with the same id disconnect each other.
    package var clientID: String
    package var username: String?
    package var password: String?
    package var tls: MQTTTLSConfiguration?
    /// The MQTT keep-alive interval, from 5 s to 65,535 s (about 18 h).
    package var keepAlive: Duration
    /// The time for which the broker keeps the session and queues its messages while the client is away. Zero requests
    /// a clean session on every connect.
    package var sessionExpiry: Duration
    /// The maximum number of unacknowledged QoS 1 messages from the broker. It bounds the size of a batch.
    package var receiveMaximum: Int
    package var subscriptions: [MQTTSubscription]
    /// The message that the broker publishes when the connection breaks.
    package var lastWill: MQTTPublication?
    /// The message published after every connect, usually to replace the ``lastWill`` or ``farewell`` of an earlier
    /// connection.
    package var birth: MQTTPublication?
    /// The message published before a graceful disconnect.
    package var farewell: MQTTPublication?
    package var backoff: ReconnectBackoff.Configuration
    /// The time limit for connecting, from the DNS lookup to the CONNACK.
    package var connectTimeout: Duration
    /// The number of messages after which a batch is delivered even if more could be read.
    package var maxBatchMessages: Int
    /// The size of the messages, in bytes, after which a batch is delivered even if more could be read.
    package var maxBatchBytes: Int
    /// The minimum interval between batches of fewer than 16 messages, from 0 to 1 s. A message after a pause is
    /// delivered at once. In a continuous stream, the messages of one interval form one batch, so that the handler can
    /// store them in one transaction.
    package var batchInterval: Duration
    /// The maximum packet size of the protocol, in bytes (MQTT 5.0, section 2.1.4).
    package static let maxPacketByteCount = 268_435_455
    /// The maximum size of a packet from the broker, in bytes, sent in CONNECT. The broker then drops larger messages.
    /// MQTT 3.1.1 has no such limit.
    package var maxPacketBytes: Int
    /// The maximum number of publications that are queued or in flight.
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

    /// True when the broker keeps the session between connections.
    package var keepsSession: Bool { sessionExpiry > .zero }

    package var description: String {
        "\(tls == nil ? "mqtt" : "mqtts")://\(username.map { "\($0)@" } ?? "")\(host):\(port) as \(clientID)"
    }

    package var customMirror: Mirror { Mirror(self, children: ["broker": description]) }

    /// Checks all values.
    ///
    /// - Throws: ``MQTTError/invalidConfiguration(_:)``, which names the invalid setting and the allowed values.
    package func validate() throws(MQTTError) {
        func require(_ condition: Bool, _ problem: String) throws(MQTTError) {
            guard condition else { throw .invalidConfiguration(problem) }
        }
        try require(!host.isEmpty, "The broker's host is empty.")
        try require((1...65_535).contains(port), "The broker's port is \(port); allowed: 1 to 65535.")
        try require(
            (1...256).contains(clientID.utf8.count) && !clientID.utf8.contains(0),
            "The client ID has \(clientID.utf8.count) bytes; allowed: 1 to 256, without NUL.")
        try require(
            keepAlive >= .seconds(5) && keepAlive <= .seconds(65_535),
            "The keep-alive is \(keepAlive); allowed: 5 s to 65535 s.")
        try require(
            sessionExpiry >= .zero && sessionExpiry <= .seconds(4_294_967_294),
            "The session expiry is \(sessionExpiry); allowed: 0 s to 4294967294 s.")
        try require(
            (1...65_535).contains(receiveMaximum),
            "The receive maximum is \(receiveMaximum); allowed: 1 to 65535.")
        try require(connectTimeout > .zero, "The connect timeout is \(connectTimeout); allowed: more than 0 s.")
        try require(maxBatchMessages > 0, "The batch limit is \(maxBatchMessages) messages; allowed: at least 1.")
        try require(maxBatchBytes > 0, "The batch limit is \(maxBatchBytes) bytes; allowed: at least 1.")
        try require(
            (.zero...(.seconds(1))).contains(batchInterval),
            "The batch interval is \(batchInterval); allowed: 0 s to 1 s.")
        try require(
            (1024...Self.maxPacketByteCount).contains(maxPacketBytes),
            "The maximum packet size is \(maxPacketBytes) bytes; allowed: 1024 to \(Self.maxPacketByteCount).")
        try require(
            (1...65_535).contains(maxOutboundMessages),
            "The outbound queue limit is \(maxOutboundMessages); allowed: 1 to 65535.")
        try require(password == nil || username != nil, "A password requires a user name.")
        for (name, publication) in [("last will", lastWill), ("birth message", birth), ("farewell", farewell)] {
            guard let publication else { continue }
            do throws(TopicError) {
                _ = try TopicName(publication.topic)
            } catch {
                throw .invalidConfiguration("The topic of the \(name) is invalid: \(error)")
            }
            try require(
                publication.payload.count <= 65_535,
                "The \(name) has \(publication.payload.count) bytes; allowed: at most 65535.")
        }
        try tls?.validate()
        try backoff.validate()
    }
}

extension MQTTConfiguration {
    /// Creates a configuration from a URL: `mqtt://[user:password@]host[:1883]` or
    /// `mqtts://[user:password@]host[:8883]`, where `mqtts` enables TLS.
    ///
    /// - Throws: ``MQTTError/invalidConfiguration(_:)``. Its message never contains the URL's password.
    package init(url text: String, clientID: String) throws(MQTTError) {
        let form =
            "expected mqtt://[user:password@]host[:port] or mqtts://[user:password@]host[:port]; "
            + "special characters in user and password are percent-encoded."
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased() else {
            throw .invalidConfiguration("This is not a valid broker URL; \(form)")
        }
        guard scheme == "mqtt" || scheme == "mqtts" else {
            throw .invalidConfiguration("The URL has the unknown scheme \"\(scheme)\"; \(form)")
        }
        guard var host = url.host, !host.isEmpty else {
            throw .invalidConfiguration("The URL has no host; \(form)")
        }
        guard url.path.isEmpty || url.path == "/", url.query == nil, url.fragment == nil else {
            throw .invalidConfiguration("The URL has a path, a query or a fragment; \(form)")
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.init(
            host: host,
            port: url.port ?? (scheme == "mqtts" ? 8883 : 1883),
            clientID: clientID,
            username: url.user,
            password: url.password,
            tls: scheme == "mqtts" ? MQTTTLSConfiguration() : nil)
    }
}

/// The trusted certificates and the client certificate of a TLS connection. Host names are always verified.
package struct MQTTTLSConfiguration: Sendable, Hashable {
    /// The directory of the system's CA certificates, used when there is no ``caFile``.
    package static let systemCADirectory = "/etc/ssl/certs"

    /// A PEM file with the trusted CA certificates. `nil` uses those of the system.
    package var caFile: String?
    /// A PEM file with the client certificate.
    package var certificateFile: String?
    /// A PEM file with the client certificate's private key, without a passphrase.
    package var keyFile: String?

    package init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }

    func validate() throws(MQTTError) {
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw .invalidConfiguration("A client certificate and its key must be set together.")
        }
        for path in [caFile, certificateFile, keyFile].compactMap(\.self)
        where !FileManager.default.isReadableFile(atPath: path) {
            throw .invalidConfiguration("The TLS file \(path) cannot be read.")
        }
    }
}

/// A topic filter to subscribe to, with the maximum QoS to request.
package struct MQTTSubscription: Sendable, Hashable {
    package var filter: TopicFilter
    package var qos: MQTTQoS
    /// True when the client also works without this subscription. A refusal by the broker is then only logged.
    package var isOptional: Bool
    /// True when the broker shall send its retained messages after every connect. Otherwise, with MQTT 5, it sends them
    /// only if the session does not have the subscription yet.
    package var wantsRetained: Bool

    package init(
        filter: TopicFilter, qos: MQTTQoS = .atLeastOnce, isOptional: Bool = false, wantsRetained: Bool = false
    ) {
        self.filter = filter
        self.qos = qos
        self.isOptional = isOptional
        self.wantsRetained = wantsRetained
    }

    /// Returns a minimal set of subscriptions under which no message is delivered twice.
    ///
    /// A filter that is covered by another one is left out. The covering filter gets the highest QoS of
    /// all filters that it covers. Subscriptions with ``wantsRetained`` are always kept, because a
    /// covering one would not request retained messages.
    package static func minimal(_ all: [MQTTSubscription]) -> [MQTTSubscription] {
        let subscriptions = all.filter { !$0.wantsRetained }
        let equal = Dictionary(grouping: subscriptions) { ExactString($0.filter.rawValue) }
        return all.filter(\.wantsRetained)
            + TopicFilter.minimal(subscriptions.map(\.filter)).map { filter in
                let covered =
                    filter.hasWildcard
                    ? subscriptions.filter { filter.covers($0.filter) } : equal[ExactString(filter.rawValue)] ?? []
                let qos: MQTTQoS = covered.contains { $0.qos == .atLeastOnce } ? .atLeastOnce : .atMostOnce
                return MQTTSubscription(filter: filter, qos: qos, isOptional: covered.allSatisfy(\.isOptional))
            }
    }
}
