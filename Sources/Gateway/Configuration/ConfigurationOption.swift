/// A setting: its key and default. `docs/configuration.md` says what it means.
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

    /// True if the configuration file may give this setting as a YAML list, which is equivalent to its elements joined
    /// with commas.
    var isList: Bool {
        [.allowedOrigins, .frameAncestors, .statusTopics, .jwtAudiences, .exemptAddresses].contains(self)
    }

    private init(_ key: String, default defaultValue: String? = nil, isSecret: Bool = false) {
        self.key = key
        self.defaultValue = defaultValue
        self.isSecret = isSecret
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
        listen, mqttURL, dataDir, dashboardsDir, publicURL, logLevel,
    ]
}

extension ConfigurationOption {
    static let listen = Self("listen", default: "127.0.0.1:8080")
    static let dataDir = Self("data_dir", default: "windsock-data")
    static let dashboardsDir = Self("dashboards_dir", default: "dashboards")
    static let alertsDir = Self("alerts_dir", default: "alerts")
    static let publicURL = Self("public_url")
    static let allowedOrigins = Self("allowed_origins")
    static let frameAncestors = Self("frame_ancestors", default: "self")
    static let logLevel = Self("log_level", default: "info")
    static let eventLoops = Self("event_loops", default: "0")

    static let tlsCertificateFile = Self("tls.certificate_file")
    static let tlsKeyFile = Self("tls.key_file")

    static let jwtSecret = Self("jwt.secret", isSecret: true)
    static let jwtSecretFile = Self("jwt.secret_file")

    static let jwtKeys = Self("jwt.jwks")
    static let jwtKeyRefresh = Self("jwt.jwks_refresh", default: "10m")
    static let jwtIssuer = Self("jwt.issuer")
    static let jwtAudiences = Self("jwt.audiences")

    static let mqttURL = Self("mqtt.url", default: "mqtt://127.0.0.1:1883")
    static let mqttClientID = Self("mqtt.client_id")
    static let mqttVersion = Self("mqtt.version", default: "auto")
    static let mqttUsername = Self("mqtt.username")
    static let mqttPassword = Self("mqtt.password", isSecret: true)
    static let mqttPasswordFile = Self("mqtt.password_file")
    static let mqttCAFile = Self("mqtt.ca_file")
    static let mqttCertificateFile = Self("mqtt.certificate_file")
    static let mqttKeyFile = Self("mqtt.key_file")
    static let mqttKeepAlive = Self("mqtt.keep_alive", default: "30s")
    static let mqttSessionExpiry = Self("mqtt.session_expiry", default: "1d")
    static let mqttReceiveMaximum = Self("mqtt.receive_maximum", default: "1000")
    static let mqttBatchInterval = Self("mqtt.batch_interval", default: "5ms")
    static let mqttStatusTopic = Self("mqtt.status_topic", default: "windsock/status")
    static let mqttShareGroup = Self("mqtt.share_group")
    static let discovery = Self("discovery", default: "auto")
    static let discoveryFilter = Self("mqtt.discovery_filter", default: "#")
    static let homeAssistant = Self("homeassistant", default: "off")
    static let homeAssistantPrefix = Self("mqtt.homeassistant_prefix", default: "homeassistant")

    static let offlineAfter = Self("devices.offline_after", default: "5m")
    static let statusTopics = Self(
        "devices.status_topics",
        default:
            "sensors/{device}/status,tele/{device}/LWT,zigbee2mqtt/{device}/availability,shellies/{device}/online")

    static let clockExchange = Self("devices.clock_exchange", default: "on")

    static let messageBytes = Self("limits.message_bytes", default: "65536")
    static let rooms = Self("limits.rooms", default: "256")
    static let commandsPerSecond = Self("limits.commands_per_second", default: "100")
    static let commandBurst = Self("limits.command_burst", default: "200")
    static let queueBytes = Self("limits.queue_bytes", default: "1048576")
    static let queueMessages = Self("limits.queue_messages", default: "256")
    static let devices = Self("limits.devices", default: "10000")
    static let latestBytes = Self("limits.latest_bytes", default: "134217728")
    static let mailboxBytes = Self("limits.mailbox_bytes", default: "8388608")
    static let payloadBytes = Self("limits.payload_bytes", default: "262144")
    static let handshakeTimeout = Self("limits.handshake_timeout", default: "10s")

    static let bodyTimeout = Self("limits.body_timeout", default: "10s")
    static let connections = Self("limits.connections", default: "0")
    static let addressConnections = Self("limits.address_connections", default: "2000")
    static let exemptAddresses = Self("limits.exempt_addresses", default: "127.0.0.1,::1")
    static let userConnections = Self("limits.user_connections", default: "100")
    static let userCommandsPerSecond = Self("limits.user_commands_per_second", default: "500")
    static let userRequests = Self("limits.user_requests", default: "64")
    static let userRequestsPerSecond = Self("limits.user_requests_per_second", default: "1000")
    static let addressConnectionsPerSecond = Self("limits.address_connections_per_second", default: "100")
    static let contentBytes = Self("limits.content_bytes", default: "8192")
    static let notificationRecipients = Self("limits.notification_recipients", default: "10000")

    static let historyMessages = Self("history.messages", default: "10000")
    static let historyAge = Self("history.age", default: "30d")
    static let historyRooms = Self("history.rooms", default: "100000")
    static let historyBytes = Self("history.bytes", default: "4294967296")
    static let userReplayedPerSecond = Self("limits.user_replayed_per_second", default: "50000")
    static let userRooms = Self("limits.user_rooms", default: "1000")
    static let userRoomsPerHour = Self("limits.user_rooms_per_hour", default: "600")
    static let userInboxes = Self("limits.user_inboxes", default: "20000")
    static let historyNotifications = Self("history.notifications", default: "1000")
    static let notificationBytes = Self("history.notification_bytes", default: "1073741824")
    static let historyKeys = Self("history.idempotency_keys", default: "10000")
    static let durability = Self("storage.durability", default: "normal")
    static let clockHold = Self("storage.clock_hold", default: "6h")
    static let readingsAge = Self("readings.age", default: "90d")
    static let readingsBytes = Self("readings.max_bytes", default: "10737418240")
    static let webhookURL = Self("webhook.url")
    static let webhookSecret = Self("webhook.secret", isSecret: true)
    static let webhookSecretFile = Self("webhook.secret_file")
    static let webhookPrivate = Self("webhook.allow_private", default: "off")
    static let series = Self("limits.series", default: "200000")
    static let deadLetters = Self("limits.dead_letters", default: "1000")
    static let presenceGrace = Self("presence.grace", default: "5s")

    static let tracesPerSecond = Self("tracing.traces_per_second", default: "20")
    static let sendSpansPerMessage = Self("tracing.sends_per_message", default: "4")
    static let sendSpansPerSecond = Self("tracing.sends_per_second", default: "200")
    static let slowThreshold = Self("tracing.slow_threshold", default: "500ms")
    static let slowTracesPerSecond = Self("tracing.slow_per_second", default: "10")
    static let keptTraces = Self("tracing.kept_traces", default: "2000")

    static let pingInterval = Self("heartbeat.ping_interval", default: "54s")
    static let pongTimeout = Self("heartbeat.pong_timeout", default: "60s")
    static let writeTimeout = Self("heartbeat.write_timeout", default: "10s")

    /// Every option, in printing order.
    package static let all: [ConfigurationOption] = [
        listen, dataDir, dashboardsDir, alertsDir, publicURL, allowedOrigins, frameAncestors, logLevel,
        eventLoops,
        tlsCertificateFile, tlsKeyFile, jwtSecret, jwtSecretFile, jwtKeys, jwtKeyRefresh, jwtIssuer, jwtAudiences,
        mqttURL, mqttClientID, mqttVersion, mqttUsername, mqttPassword, mqttPasswordFile, mqttCAFile,
        mqttCertificateFile, mqttKeyFile, mqttKeepAlive, mqttSessionExpiry, mqttReceiveMaximum, mqttBatchInterval,
        mqttStatusTopic, mqttShareGroup, discovery, discoveryFilter, homeAssistant, homeAssistantPrefix,
        offlineAfter, statusTopics, clockExchange,
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
