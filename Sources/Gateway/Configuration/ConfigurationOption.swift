/// A setting: its key, default and meaning.
///
/// The table ``all`` is used to validate files and to print settings with `--print-config`. A test compares
/// `docs/configuration.md` with it.
package struct ConfigurationOption: Sendable, Hashable {
    /// The key as in the file, with levels joined by `.`.
    package let key: String
    /// The default value; `nil` when there is none.
    package let defaultValue: String?
    /// True when the value must not be printed or logged.
    package let isSecret: Bool
    /// A one-line description.
    package let summary: String

    /// True when a file may give a YAML list. A list is equivalent to its elements joined with commas.
    var isList: Bool { [.allowedOrigins, .statusTopics, .jwtAudiences, .exemptAddresses].contains(self) }

    private init(_ key: String, default defaultValue: String? = nil, isSecret: Bool = false, _ summary: String) {
        self.key = key
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.summary = summary
    }

    /// The environment variable: `WINDSOCK_MQTT_URL` for `mqtt.url`.
    package var environmentName: String {
        "WINDSOCK_" + key.uppercased().replacing(".", with: "_")
    }

    /// The command-line flag: `--mqtt-url` for `mqtt.url`, or `--set limits.devices` for an option without a dedicated
    /// flag.
    package var flagName: String {
        guard Self.withFlag.contains(self) else { return "--set \(key)" }
        return "--" + key.replacing(".", with: "-").replacing("_", with: "-")
    }

    /// The options with a dedicated flag.
    package static let withFlag: [ConfigurationOption] = [
        listen, mqttURL, dataDir, dashboardsDir, publicURL, logLevel, echoPath,
    ]
}

extension ConfigurationOption {
    static let listen = Self("listen", default: "127.0.0.1:8080", "Address and port for HTTP and WebSocket.")
    static let dataDir = Self("data_dir", default: "windsock-data", "Folder for persistent data.")
    static let dashboardsDir = Self(
        "dashboards_dir", default: "dashboards", "Folder with the dashboards and the web page.")
    static let alertsDir = Self("alerts_dir", default: "alerts", "Folder with alert rules, one or more per file.")
    static let publicURL = Self("public_url", "The gateway's URL as browsers see it behind a proxy.")
    static let allowedOrigins = Self("allowed_origins", "Further origins whose pages may connect, comma-separated.")
    static let logLevel = Self("log_level", default: "info", "trace, debug, info, notice, warning, error or critical.")
    static let echoPath = Self("echo_path", "Path that echoes messages, for conformance suites; never in production.")
    static let eventLoops = Self("event_loops", default: "0", "Threads that serve clients; 0 is one per core.")

    static let tlsCertificateFile = Self(
        "tls.certificate_file", "The gateway's certificate and its intermediates, PEM; turns HTTPS on.")
    static let tlsKeyFile = Self("tls.key_file", "The key of tls.certificate_file, PEM.")

    static let jwtSecret = Self("jwt.secret", isSecret: true, "Signs tokens (HS256); 32 bytes or more.")
    static let jwtSecretFile = Self("jwt.secret_file", "A file that contains jwt.secret.")

    static let jwtKeys = Self("jwt.jwks", "A file or URL of public keys (JWKS) for tokens: RS256, ES256, ES384, EdDSA.")
    static let jwtKeyRefresh = Self("jwt.jwks_refresh", default: "10m", "Reload interval of jwt.jwks.")
    static let jwtIssuer = Self("jwt.issuer", "Required iss of a token.")
    static let jwtAudiences = Self("jwt.audiences", "Audiences, comma-separated; a token's aud must name one of them.")

    static let mqttURL = Self("mqtt.url", default: "mqtt://127.0.0.1:1883", "The broker: mqtt:// or mqtts://.")
    static let mqttClientID = Self("mqtt.client_id", "Client id; random and kept in data_dir when not set.")
    static let mqttVersion = Self("mqtt.version", default: "auto", "auto (5, else 3.1.1), 5 or 3.1.1.")
    static let mqttUsername = Self("mqtt.username", "User name at the broker.")
    static let mqttPassword = Self("mqtt.password", isSecret: true, "Password at the broker.")
    static let mqttPasswordFile = Self("mqtt.password_file", "A file that contains mqtt.password.")
    static let mqttCAFile = Self("mqtt.ca_file", "Trusted certificates for mqtts://, PEM.")
    static let mqttCertificateFile = Self("mqtt.certificate_file", "The gateway's own certificate, PEM.")
    static let mqttKeyFile = Self("mqtt.key_file", "The key of mqtt.certificate_file, PEM.")
    static let mqttKeepAlive = Self("mqtt.keep_alive", default: "30s", "Keep-alive interval.")
    static let mqttSessionExpiry = Self("mqtt.session_expiry", default: "1d", "How long the broker keeps the session.")
    static let mqttReceiveMaximum = Self("mqtt.receive_maximum", default: "1000", "Maximum QoS 1 messages in flight.")
    static let mqttBatchInterval = Self(
        "mqtt.batch_interval", default: "5ms", "Interval between transactions during a continuous stream.")
    static let mqttStatusTopic = Self(
        "mqtt.status_topic", default: "windsock/status", "Topic of the gateway's own status.")
    static let mqttShareGroup = Self("mqtt.share_group", "Subscribe as a member of this $share group.")

    static let offlineAfter = Self(
        "devices.offline_after", default: "5m", "Silence after which a device is offline; off for never.")
    static let statusTopics = Self(
        "devices.status_topics",
        default: "sensors/{device}/status,tele/{device}/LWT,zigbee2mqtt/{device}/availability",
        "Topics of devices' birth messages and last wills, comma-separated.")

    static let clockExchange = Self(
        "devices.clock_exchange", default: "on", "Whether clock requests of devices are answered: on or off.")

    static let messageBytes = Self("limits.message_bytes", default: "65536", "Maximum bytes of a client's message.")
    static let rooms = Self("limits.rooms", default: "256", "Maximum joins of one client.")
    static let commandsPerSecond = Self(
        "limits.commands_per_second", default: "100", "Commands of one client per second.")
    static let commandBurst = Self("limits.command_burst", default: "200", "Burst of commands of one client.")
    static let queueBytes = Self("limits.queue_bytes", default: "1048576", "Bytes queued for a slow client.")
    static let queueMessages = Self(
        "limits.queue_messages", default: "256", "Queued messages that must not be dropped.")
    static let devices = Self("limits.devices", default: "10000", "Devices whose latest reading is kept in memory.")
    static let latestBytes = Self(
        "limits.latest_bytes", default: "134217728", "Approximate bytes of memory for the latest readings.")
    static let mailboxBytes = Self("limits.mailbox_bytes", default: "8388608", "Bytes queued for one event loop.")
    static let payloadBytes = Self("limits.payload_bytes", default: "262144", "Maximum bytes of an MQTT payload.")
    static let handshakeTimeout = Self("limits.handshake_timeout", default: "10s", "Timeout for the first request.")

    static let bodyTimeout = Self("limits.body_timeout", default: "10s", "Timeout for the body of a request.")
    static let connections = Self(
        "limits.connections", default: "0", "Concurrent connections; 0 is as many as file descriptors allow.")
    static let addressConnections = Self(
        "limits.address_connections", default: "2000", "Concurrent connections of one address; 0: unlimited.")
    static let exemptAddresses = Self(
        "limits.exempt_addresses", default: "127.0.0.1,::1",
        "Addresses exempt from the limits per address, such as proxies.")
    static let userConnections = Self(
        "limits.user_connections", default: "100", "Concurrent WebSockets of one user; 0: unlimited.")
    static let userCommandsPerSecond = Self(
        "limits.user_commands_per_second", default: "500",
        "Commands per second of all clients of a user; 0: unlimited.")
    static let userRequests = Self(
        "limits.user_requests", default: "64", "Concurrent HTTP requests of one user; 0: unlimited.")
    static let userRequestsPerSecond = Self(
        "limits.user_requests_per_second", default: "1000", "Cheap HTTP requests of one user per second; 0: unlimited."
    )
    static let addressConnectionsPerSecond = Self(
        "limits.address_connections_per_second", default: "100",
        "New WebSockets from one address per second; 0: unlimited.")
    static let contentBytes = Self(
        "limits.content_bytes", default: "8192", "Maximum bytes of a chat message's content.")
    static let notificationRecipients = Self(
        "limits.notification_recipients", default: "10000", "Maximum recipients of one notification.")

    static let historyMessages = Self("history.messages", default: "10000", "Messages kept per room.")
    static let historyAge = Self("history.age", default: "30d", "Retention of messages and notifications.")
    static let historyRooms = Self("history.rooms", default: "100000", "Rooms that may have a history.")
    static let historyBytes = Self(
        "history.bytes", default: "4294967296", "Bytes of all messages; beyond it the largest rooms lose their oldest."
    )
    static let userReplayedPerSecond = Self(
        "limits.user_replayed_per_second", default: "50000",
        "Messages per second that joins replay to all clients of a user; 0: unlimited.")
    static let userRooms = Self(
        "limits.user_rooms", default: "1000", "Stored rooms created by one user; 0: unlimited.")
    static let userRoomsPerHour = Self(
        "limits.user_rooms_per_hour", default: "600", "Rooms that one user may create per hour; 0: unlimited.")
    static let userInboxes = Self(
        "limits.user_inboxes", default: "20000",
        "Inboxes of users who have never connected that one user may create; 0: unlimited.")
    static let historyNotifications = Self(
        "history.notifications", default: "1000", "Notifications kept per user.")
    static let notificationBytes = Self(
        "history.notification_bytes", default: "1073741824",
        "Bytes of all notifications; beyond it the senders with the most bytes lose their oldest.")
    static let historyKeys = Self(
        "history.idempotency_keys", default: "10000", "Idempotency keys remembered per user, for 24 h.")
    static let durability = Self(
        "storage.durability", default: "normal", "What a commit survives: full, normal or off.")
    static let clockHold = Self(
        "storage.clock_hold", default: "6h",
        "How long a clock leap must persist before retention trusts it; 0s: at once."
    )
    static let readingsAge = Self("readings.age", default: "90d", "Retention of readings.")
    static let readingsBytes = Self(
        "readings.max_bytes", default: "10737418240", "Bytes of stored readings; beyond it the oldest are removed.")
    static let webhookURL = Self("webhook.url", "URL that alert events are posted to: http:// or https://.")
    static let webhookSecret = Self(
        "webhook.secret", isSecret: true, "Signs webhook requests (HMAC-SHA256); 16 bytes or more.")
    static let webhookSecretFile = Self("webhook.secret_file", "A file that contains webhook.secret.")
    static let webhookPrivate = Self(
        "webhook.allow_private", default: "off", "Whether webhook.url may be a private address: on or off.")
    static let series = Self("limits.series", default: "200000", "Stored series: metrics of all devices.")
    static let deadLetters = Self(
        "limits.dead_letters", default: "1000", "Stored dead letters, one per topic and reason.")
    static let presenceGrace = Self(
        "presence.grace", default: "5s", "How long a disconnected user stays in its rooms.")

    static let tracesPerSecond = Self(
        "tracing.traces_per_second", default: "20", "Sampled traces per second, including those of devices and clients."
    )
    static let sendSpansPerMessage = Self(
        "tracing.sends_per_message", default: "4", "Deliveries of one message that become spans.")
    static let sendSpansPerSecond = Self(
        "tracing.sends_per_second", default: "200", "Deliveries of all messages that become spans, per second.")
    static let slowThreshold = Self(
        "tracing.slow_threshold", default: "500ms", "A reading that takes longer is traced even when not sampled.")
    static let slowTracesPerSecond = Self(
        "tracing.slow_per_second", default: "10", "Traces of slow readings per second.")
    static let keptTraces = Self(
        "tracing.kept_traces", default: "2000", "Most recent traces that the latency page can show.")

    static let pingInterval = Self("heartbeat.ping_interval", default: "54s", "Interval between pings to a client.")
    static let pongTimeout = Self("heartbeat.pong_timeout", default: "60s", "Timeout for a pong.")
    static let writeTimeout = Self(
        "heartbeat.write_timeout", default: "10s", "Time after which a socket that accepts no bytes is closed.")

    /// Every option, in printing order.
    package static let all: [ConfigurationOption] = [
        listen, dataDir, dashboardsDir, alertsDir, publicURL, allowedOrigins, logLevel, echoPath, eventLoops,
        tlsCertificateFile, tlsKeyFile, jwtSecret, jwtSecretFile, jwtKeys, jwtKeyRefresh, jwtIssuer, jwtAudiences,
        mqttURL, mqttClientID, mqttVersion, mqttUsername, mqttPassword, mqttPasswordFile, mqttCAFile,
        mqttCertificateFile, mqttKeyFile, mqttKeepAlive, mqttSessionExpiry, mqttReceiveMaximum, mqttBatchInterval,
        mqttStatusTopic, mqttShareGroup, offlineAfter, statusTopics, clockExchange,
        messageBytes, rooms, commandsPerSecond, commandBurst, queueBytes, queueMessages, devices, latestBytes,
        mailboxBytes, payloadBytes, handshakeTimeout, bodyTimeout, connections, addressConnections, exemptAddresses,
        userConnections, userCommandsPerSecond, userRequests, userRequestsPerSecond, userReplayedPerSecond,
        addressConnectionsPerSecond, contentBytes, notificationRecipients, series, deadLetters, userRooms,
        userRoomsPerHour, userInboxes,
        webhookURL, webhookSecret, webhookSecretFile, webhookPrivate,
        durability, clockHold, readingsAge, readingsBytes, historyMessages, historyAge, historyRooms, historyBytes,
        historyNotifications, notificationBytes, historyKeys, presenceGrace,
        tracesPerSecond, sendSpansPerMessage, sendSpansPerSecond, slowThreshold, slowTracesPerSecond, keptTraces,
        pingInterval, pongTimeout, writeTimeout,
    ]
}
