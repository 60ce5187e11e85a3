import Core
import MQTTTransport
import NIOCore
import Services
import Telemetry
import TestSupport
import Testing
import WebServer

@testable import Gateway

/// Settings come from the file, the environment and flags; later sources override earlier ones.
@Suite("Configuration")
struct ConfigurationTests {
    @Test("Without settings, the defaults apply")
    func defaults() throws {
        let configuration = try SettingsFixture.load()
        #expect(configuration.server.host == "127.0.0.1")
        #expect(configuration.server.port == 8080)
        #expect(configuration.mqtt.host == "127.0.0.1")
        #expect(configuration.routes == TopicRoute.defaults)
        #expect(configuration.jwtSecret == nil)
        #expect(configuration.stream.telemetryRoots == ["sensors"])
        #expect(configuration.mqtt.lastWill?.topic == "windsock/status")
    }

    @Test("The environment overrides the file, and flags override both")
    func precedence() throws {
        let yaml = "limits: {devices: 1, rooms: 1, command_burst: 1}"
        let environment = ["WINDSOCK_LIMITS_DEVICES": "2", "WINDSOCK_LIMITS_ROOMS": "2"]
        let configuration = try SettingsFixture.load(yaml, environment: environment, flags: ["limits.devices": "3"])
        #expect(configuration.stream.maxDevices == 3)
        #expect(configuration.server.limits.maxRooms == 2)
        #expect(configuration.server.limits.commandBurst == 1)
    }

    @Test("An empty variable or flag counts as unset")
    func emptyIsUnset() throws {
        let yaml = "limits: {devices: 5, rooms: 6}"
        let configuration = try SettingsFixture.load(
            yaml, environment: ["WINDSOCK_LIMITS_DEVICES": "", "WINDSOCK_LIMITS_ROOMS": "7"],
            flags: ["limits.rooms": " "])
        #expect(configuration.stream.maxDevices == 5)
        #expect(configuration.server.limits.maxRooms == 7)
    }

    @Test("An empty section or value in the file keeps the defaults")
    func emptyInFile() throws {
        let configuration = try SettingsFixture.load("mqtt:\nlimits: {devices: }\npublic_url: ~\nroutes:\n")
        #expect(configuration.stream.maxDevices == 10_000)
        #expect(configuration.server.publicOrigin == nil)
        #expect(configuration.routes == TopicRoute.defaults)
    }

    @Test(
        "The origins that may frame the page are none, the page's own, or a list",
        arguments: [
            ("", ["'self'"]), ("frame_ancestors: none", ["'none'"]), ("frame_ancestors: \"'none'\"", ["'none'"]),
            (
                "frame_ancestors: [self, \"HTTPS://Wiki.example:443/\", \"http://127.0.0.1:3000\"]",
                ["'self'", "https://wiki.example", "http://127.0.0.1:3000"]
            ),
        ])
    func frameAncestors(yaml: String, sources: [String]) throws {
        #expect(try SettingsFixture.load(yaml).server.frameAncestors == sources)
    }

    @Test("All settings and routes of a file are read")
    func file() throws {
        let configuration = try SettingsFixture.load(
            """
            listen: "[::1]:9000"
            public_url: https://dash.example/
            allowed_origins: [https://a.example, "null"]
            mqtt:
              url: mqtt://me@broker.example:1884
              password: hush
              version: 3.1.1
              keep_alive: 10s
              share_group: gateways
            heartbeat: {ping_interval: 5s}
            routes:
              - topic: buildings/{site}/{device}/{metric}
                room: sites/{site}/{device}
                convention: bare
                qos: 0
              - topic: tele/{device}/SENSOR
                convention: tasmota
                fahrenheit_to_celsius: true
              - {topic: "gateways/{device}", devices_in_payload: true}
            """)
        #expect(configuration.server.host == "::1")
        #expect(configuration.server.port == 9000)
        #expect(configuration.server.publicOrigin == "https://dash.example")
        #expect(configuration.server.allowedOrigins == ["https://a.example", "null"])
        #expect(configuration.mqtt.username == "me")
        #expect(configuration.mqtt.password == "hush")
        #expect(configuration.mqtt.protocolVersion == .v311)
        #expect(configuration.mqtt.keepAlive == .seconds(10))
        #expect(configuration.server.heartbeat.pingInterval == .seconds(5))
        #expect(configuration.routes.map(\.convention) == [.bare, .tasmota, .auto])
        #expect(configuration.routes.map(\.convertsFahrenheit) == [false, true, false])
        #expect(configuration.routes.map(\.allowsForeignDevices) == [false, false, true])
        #expect(configuration.routes[0].captureNames == ["site", "device", "metric"])
        #expect(configuration.stream.telemetryRoots == ["sites", "sensors"])
        #expect(
            configuration.mqtt.subscriptions == [
                MQTTSubscription(filter: try TopicFilter("$share/gateways/buildings/+/+/+"), qos: .atMostOnce),
                MQTTSubscription(filter: try TopicFilter("$share/gateways/tele/+/SENSOR"), qos: .atLeastOnce),
                MQTTSubscription(filter: try TopicFilter("$share/gateways/gateways/+"), qos: .atLeastOnce),
                MQTTSubscription(
                    filter: try TopicFilter("$share/gateways/windsock/clock/+/request"), qos: .atMostOnce,
                    isOptional: true),
            ])
    }

    @Test(
        "A listen address is host and port, with brackets for IPv6, or all addresses without a host",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080), (":80", "0.0.0.0", 80), ("[::]:0", "::", 0),
            ("[fe80::1]:443", "fe80::1", 443), ("localhost:65535", "localhost", 65_535),
        ])
    func listen(_ text: String, _ host: String, _ port: Int) throws {
        let server = try SettingsFixture.load(environment: ["WINDSOCK_LISTEN": text]).server
        #expect(server.host == host)
        #expect(server.port == port)
    }

    @Test(
        "An invalid listen address is rejected",
        arguments: ["8080", "::1:8080", "[::1:8080", "host:", "host:+80", "host:65536", "a b:80", "http://host:80"])
    func badListen(_ text: String) {
        let problems = SettingsFixture.problems(environment: ["WINDSOCK_LISTEN": text])
        #expect(
            problems == [
                "WINDSOCK_LISTEN: \"\(text)\" is not a valid address; expected one such as 127.0.0.1:8080, "
                    + "[::1]:8080 or 0.0.0.0:8080"
            ])
    }

    @Test(
        "Origins are normalized to the form that browsers send",
        arguments: [
            ("https://dash.example/", "https://dash.example"), ("https://Dash.Example:443", "https://dash.example"),
            ("http://dash.example:80/", "http://dash.example"), ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://dash.example:8443/", "https://dash.example:8443"),
        ])
    func origins(_ text: String, _ origin: String) throws {
        let environment = ["WINDSOCK_PUBLIC_URL": text, "WINDSOCK_ALLOWED_ORIGINS": "null, \(text)"]
        let server = try SettingsFixture.load(environment: environment).server
        #expect(server.publicOrigin == origin)
        #expect(server.allowedOrigins == ["null", origin])
    }

    @Test("A random client id is created only if none is set")
    func clientID() throws {
        let named = try SettingsFixture.load("mqtt: {client_id: windsock}")
        #expect(named.mqtt.clientID == "windsock")
        #expect(named.mqtt.clientID != GatewayConfiguration.unsetClientID)
        #expect(try SettingsFixture.load().mqtt.clientID == GatewayConfiguration.unsetClientID)
    }

    @Test("The broker may refuse the default routes of single projects, but no configured route")
    func optionalRoutes() throws {
        let subscriptions = try SettingsFixture.load("devices: {clock_exchange: off}").mqtt.subscriptions
        let required = subscriptions.filter { !$0.isOptional }.map { "\($0.filter)" }
        #expect(
            required == [
                "sensors/+/+", "sensors/+", "devices/+/telemetry", "tele/+/SENSOR", "zigbee2mqtt/+", "tele/+/LWT",
            ])
        #expect(subscriptions.count == required.count + TopicRoute.conventionDefaults.count)
        let configured = try SettingsFixture.load(
            "devices: {clock_exchange: off}\nroutes: [{topic: \"shellies/{device}/#\"}]")
        #expect(configured.mqtt.subscriptions.allSatisfy { !$0.isOptional })

        let repeated = try SettingsFixture.load(
            "default_routes: true\nroutes: [{topic: \"zigbee2mqtt/#\", convention: zigbee2mqtt}]")
        #expect(TopicRoute.conventionDefaults.contains(repeated.routes[0]))
        for (filter, isOptional) in [("zigbee2mqtt/#", false), ("shellies/+/#", true)] {
            let subscription = repeated.mqtt.subscriptions.first { "\($0.filter)" == filter }
            #expect(subscription?.isOptional == isOptional, "\(filter)")
        }
    }

    @Test("Between two versions of a file, only the chosen settings, the routes and the rules change")
    func keptSettings() throws {
        let start = try ConfigurationFile(
            path: "a", yaml: "alerts_dir: one\nlisten: ':1'\nroutes: [{topic: \"a/{device}\"}]")
        let edited = try ConfigurationFile(
            path: "a",
            yaml: "alerts_dir: two\nlog_level: debug\ndevices: {status_topics: \"b/{device}/s\"}\n"
                + "routes: [{topic: \"b/{device}\"}]")
        let kept = edited.keepingSettings(of: start, except: ["devices.status_topics"])
        #expect(
            kept.scalars.mapValues(\.text) == [
                "alerts_dir": "one", "listen": ":1", "devices.status_topics": "b/{device}/s",
            ])
        #expect(kept.routes == edited.routes)
        #expect(
            start.keepingSettings(of: edited, except: ["devices.status_topics"]).scalars.keys.sorted() == [
                "alerts_dir", "log_level",
            ])
    }

    @Test("A route's own share group is kept")
    func shareGroups() throws {
        let configuration = try SettingsFixture.load(
            """
            mqtt: {share_group: all}
            devices: {clock_exchange: off}
            routes: [{topic: "$share/own/a/{device}"}, {topic: "b/{device}"}]
            """)
        #expect(configuration.mqtt.subscriptions.map { "\($0.filter)" } == ["$share/own/a/+", "$share/all/b/+"])
    }

    @Test("Certificates require mqtts://")
    func certificates() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("pem", to: "ca.pem")
        let configuration = try SettingsFixture.load(
            "mqtt: {url: \"mqtts://broker.example\", ca_file: \(file), certificate_file: \(file), key_file: \(file)}")
        #expect(
            configuration.mqtt.tls
                == MQTTTLSConfiguration(caFile: file, certificateFile: file, keyFile: file))
        #expect(configuration.mqtt.port == 8883)
    }

    @Test("Limits per user and address apply unless set to 0")
    func safeDefaults() throws {
        let limits = try SettingsFixture.load().server.limits
        #expect(limits.connectionsPerUser == 100 && limits.userCommandsPerSecond == 500)
        #expect(limits.userRequests == 64 && limits.userRequestsPerSecond == 1000)
        #expect(limits.addressConnections == 2000 && limits.addressConnectionsPerSecond == 100)
        #expect(limits.exemptAddresses == ["127.0.0.1", "::1"])
        #expect(limits.bodyTimeout == .seconds(10))
        let off = try SettingsFixture.load(
            """
            limits:
              user_connections: 0
              user_commands_per_second: 0
              user_requests: 0
              user_requests_per_second: 0
              address_connections: 0
              address_connections_per_second: 0
              exempt_addresses: [10.0.0.5, "0:0:0:0:0:0:0:1"]
            """
        ).server.limits
        #expect(off.connectionsPerUser == 0 && off.userCommandsPerSecond == 0 && off.userRequests == 0)
        #expect(off.userRequestsPerSecond == 0 && off.addressConnections == 0)
        #expect(off.addressConnectionsPerSecond == 0)
        #expect(off.exemptAddresses == ["10.0.0.5", "::1"])
        #expect(try SettingsFixture.load("limits: {exempt_addresses: none}").server.limits.exemptAddresses.isEmpty)
        #expect(
            SettingsFixture.problems("limits: {exempt_addresses: [10.0.0.0/8]}")
                == [
                    "windsock.yaml:1: limits.exempt_addresses: \"10.0.0.0/8\" is not a valid IP address; expected one "
                        + "such as 127.0.0.1 or ::1, or none"
                ])
    }
}
