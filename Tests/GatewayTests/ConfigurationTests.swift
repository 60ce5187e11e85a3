import Foundation
import MQTTTransport
import NIOCore
import Services
import Telemetry
import TestSupport
import Testing
import WebServer

@testable import Gateway

/// Settings come from three places, and a mistake is named with where it stands.
@Suite("Configuration")
struct ConfigurationTests {
    private static let secret = "a-secret-of-more-than-thirty-two-bytes"

    private static func load(
        _ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws -> GatewayConfiguration {
        try GatewayConfiguration(
            GatewayConfiguration.Sources(
                file: try yaml.map { try ConfigurationFile(path: "windsock.yaml", yaml: $0) }, environment: environment,
                flags: flags))
    }

    private static func problems(
        _ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
    ) -> [String] {
        do {
            _ = try load(yaml, environment: environment, flags: flags)
            return []
        } catch {
            return (error as? ConfigurationErrors)?.errors.map(\.description) ?? ["\(error)"]
        }
    }

    @Test("Without any setting the defaults serve")
    func defaults() throws {
        let configuration = try Self.load()
        #expect(configuration.server.host == "127.0.0.1")
        #expect(configuration.server.port == 8080)
        #expect(configuration.mqtt.host == "127.0.0.1")
        #expect(configuration.routes == TopicRoute.defaults)
        #expect(configuration.jwtSecret == nil)
        #expect(configuration.stream.telemetryRoots == ["sensors"])
        #expect(configuration.mqtt.lastWill?.topic == "windsock/status")
    }

    @Test("The environment beats the file, and flags beat both")
    func precedence() throws {
        let yaml = "limits: {devices: 1, rooms: 1, command_burst: 1}"
        let environment = ["WINDSOCK_LIMITS_DEVICES": "2", "WINDSOCK_LIMITS_ROOMS": "2"]
        let configuration = try Self.load(yaml, environment: environment, flags: ["limits.devices": "3"])
        #expect(configuration.stream.maxDevices == 3)
        #expect(configuration.server.limits.maxRooms == 2)
        #expect(configuration.server.limits.commandBurst == 1)
    }

    @Test("All of a file's settings and routes are read")
    func file() throws {
        let configuration = try Self.load(
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
        #expect(configuration.routes.map(\.convention) == [.bare, .tasmota])
        #expect(configuration.stream.telemetryRoots == ["sites", "sensors"])
        #expect(
            configuration.mqtt.subscriptions == [
                MQTTSubscription(filter: try TopicFilter("$share/gateways/buildings/+/+/+"), qos: .atMostOnce),
                MQTTSubscription(filter: try TopicFilter("$share/gateways/tele/+/SENSOR"), qos: .atLeastOnce),
            ])
    }

    static let mistakes: [(yaml: String, origin: String, words: String)] = [
        ("listen: nowhere", "windsock.yaml:1: listen", "127.0.0.1:8080"),
        ("\nlisten: 1.2.3.4:70000", "windsock.yaml:2: listen", "70000"),
        ("limits: {devices: many}", "windsock.yaml:1: limits.devices", "whole number from 1"),
        ("limits:\n  devises: 3", "windsock.yaml:2: limits.devises", "devices"),
        ("color: red", "windsock.yaml:1: color", "listen"),
        ("mqtt: {url: \"http://x\"}", "windsock.yaml:1: mqtt.url", "mqtt://"),
        ("mqtt: {version: 4}", "windsock.yaml:1: mqtt.version", "auto, 5, 3.1.1"),
        ("mqtt: {keep_alive: 3}", "windsock.yaml:1: mqtt.keep_alive", "10s"),
        ("mqtt: {keep_alive: 1s}", "windsock.yaml:1: mqtt.keep_alive", "outside of 5s"),
        ("mqtt: {ca_file: /none.pem}", "WINDSOCK_MQTT_URL", "mqtts"),
        ("mqtt: {url: \"mqtts://x\", ca_file: /none.pem}", "mqtt", "/none.pem"),
        ("mqtt: {status_topic: a/+}", "windsock.yaml:1: mqtt.status_topic", "not a topic"),
        ("public_url: dash", "windsock.yaml:1: public_url", "http"),
        ("allowed_origins: [\"*\"]", "windsock.yaml:1: allowed_origins", "origin"),
        ("jwt: {secret: short}", "windsock.yaml:1: jwt.secret", "32"),
        ("jwt: {secret_file: /none}", "windsock.yaml:1: jwt.secret_file", "/none"),
        ("routes: [{topic: \"a/{x\"}]", "windsock.yaml:1: routes[0]", "{x"),
        ("routes: [{room: a}]", "windsock.yaml:1: routes[0]", "topic"),
        ("routes: [{topic: \"a/{device}\", qos: 2}]", "windsock.yaml:1: routes[0]", "QoS"),
        ("routes: [{topic: \"a/{device}\", convention: xml}]", "windsock.yaml:1: routes[0].convention", "senml"),
        ("routes: [{topic: \"a/{device}\", colour: 1}]", "windsock.yaml:1: routes[0].colour", "convention"),
        ("routes: 7", "windsock.yaml:1: routes", "list"),
    ]

    @Test("A mistake in the file is named with line and key, and says what is allowed", arguments: mistakes)
    func mistake(_ yaml: String, _ origin: String, _ words: String) {
        let problems = Self.problems(yaml)
        #expect(problems.contains { $0.hasPrefix("\(origin): ") && $0.contains(words) }, "\(problems)")
    }

    @Test("Mistakes elsewhere are named by variable and flag, and all are told at once")
    func otherOrigins() {
        let problems = Self.problems(
            environment: ["WINDSOCK_LIMITS_ROOMS": "0", "WINDSOCK_LISTN": "x", "UNRELATED": "y"],
            flags: ["mqtt.url": "x", "limits.devices": "-1"])
        #expect(problems.contains { $0.hasPrefix("WINDSOCK_LIMITS_ROOMS: ") })
        #expect(problems.contains { $0.hasPrefix("WINDSOCK_LISTN: ") })
        #expect(problems.contains { $0.hasPrefix("--mqtt-url: ") })
        #expect(problems.contains { $0.hasPrefix("--set limits.devices: ") })
    }

    @Test("No error and no printed setting holds a secret")
    func secrets() throws {
        let sources = GatewayConfiguration.Sources(
            file: try ConfigurationFile(path: "w.yaml", yaml: "mqtt: {password: pass-word}"),
            environment: ["WINDSOCK_JWT_SECRET": Self.secret], flags: ["mqtt.url": "mqtt://me:in-url@host"])
        let printed = GatewayConfiguration.printed(sources)
        for secret in [Self.secret, "pass-word", "in-url"] { #expect(!printed.contains(secret)) }
        for option in ConfigurationOption.all { #expect(printed.contains("\(option.key): ")) }
        let problems = Self.problems(
            environment: ["WINDSOCK_JWT_SECRET": "too-short"], flags: ["mqtt.url": "mqtt://me:in-url@host:99999999"])
        #expect(problems.count >= 1)
        #expect(!problems.joined().contains("too-short") && !problems.joined().contains("in-url"))
        let configuration = try GatewayConfiguration(sources)
        #expect(!"\(configuration.mqtt)".contains("in-url") && !"\(configuration.mqtt)".contains("pass-word"))
    }

    @Test("A secret may be kept in a file")
    func secretFile() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try "\(Self.secret)\n".write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(try Self.load(environment: ["WINDSOCK_JWT_SECRET_FILE": file.path]).jwtSecret == Self.secret)
    }

    @Test("Durations are read and written as people write them")
    func durations() {
        #expect(DurationText.parse("500ms") == .milliseconds(500))
        #expect(DurationText.parse("1.5h") == .seconds(5400))
        #expect(DurationText.parse("7d") == .seconds(604_800))
        for text in ["", "5", "s", "-1s", "1w", "1e400s", "nans"] {
            #expect(DurationText.parse(text) == nil, "\(text)")
        }
        #expect(DurationText.format(.seconds(90)) == "90s")
        #expect(DurationText.format(.seconds(86_400)) == "1d")
        #expect(DurationText.format(.milliseconds(1500)) == "1500ms")
    }

    @Test("Every option is documented")
    func documented() throws {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/configuration.md"), encoding: .utf8)
        for option in ConfigurationOption.all {
            #expect(text.contains("`\(option.key)`"), "\(option.key)")
        }
    }
}
