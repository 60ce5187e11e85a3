import Core
import Foundation
import MQTTTransport
import TestSupport
import Testing
import WebServer

@testable import Gateway

/// The output of `--print-config` and the documentation match the effective settings.
@Suite("Printed and documented settings")
struct PrintedConfigurationTests {
    @Test("Every option is printed with its value and origin")
    func origins() throws {
        let printed = GatewayConfiguration.printed(
            try SettingsFixture.sources(
                "\nlisten: 127.0.0.1:9999\nlimits:\n  devices: 1", environment: ["WINDSOCK_LIMITS_DEVICES": "8"],
                flags: ["mqtt.url": "mqtt://b", "limits.rooms": "3"]))
        let lines = printed.split(separator: "\n")
        #expect(lines.contains("listen: 127.0.0.1:9999  # windsock.yaml:2: listen"))
        #expect(lines.contains("limits.devices: 8  # WINDSOCK_LIMITS_DEVICES"))
        #expect(lines.contains("mqtt.url: mqtt://b  # --mqtt-url"))
        #expect(lines.contains("limits.rooms: 3  # --set limits.rooms"))
        #expect(lines.contains("heartbeat.ping_interval: 54s  # default"))
        for option in ConfigurationOption.all {
            #expect(lines.contains { $0.hasPrefix("\(option.key): ") }, "\(option.key)")
        }
    }

    @Test("The URL of a key set is printed without its query, which may hold a secret")
    func keySecret() throws {
        let printed = GatewayConfiguration.printed(
            try SettingsFixture.sources("jwt: {jwks: \"https://id.example/keys?code=hidden\"}"))
        #expect(printed.contains("https://id.example/keys") && !printed.contains("hidden"))
    }

    @Test("The printed configuration is a file with the same meaning")
    func roundTrip() throws {
        let yaml = """
            listen: "[::1]:9000"
            data_dir: "a folder: with #signs"
            allowed_origins: [https://a.example, "null"]
            mqtt: {client_id: "null", username: "~", status_topic: "tab\\there \\"x\\""}
            routes:
              - {topic: "a/{site}/{device}/#", room: "b/{site}", convention: json, qos: 0, fahrenheit_to_celsius: true}
              - {topic: "+/{device}", devices_in_payload: true}
            """
        let first = try SettingsFixture.load(yaml)
        let printed = GatewayConfiguration.printed(try SettingsFixture.sources(yaml))
        let second = try SettingsFixture.load(printed)
        #expect(second.server.host == "::1")
        #expect(second.dataDirectory == "a folder: with #signs")
        #expect(second.server.allowedOrigins == first.server.allowedOrigins)
        #expect(second.mqtt.clientID == "null")
        #expect(second.mqtt.username == "~")
        #expect(second.mqtt.lastWill?.topic == first.mqtt.lastWill?.topic)
        #expect(second.routes == first.routes)
        #expect(second.jwtSecret == nil)
    }

    @Test("Every option is documented with its variable, flag and default", arguments: ConfigurationOption.all)
    func documented(_ option: ConfigurationOption) throws {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/configuration.md"), encoding: .utf8)
        let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("| `\(option.key)` |") })
        let cells = row.split(separator: "|", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        try #require(cells.count == 7, "\(row)")
        #expect(cells[2] == "`\(option.environmentName)`")
        #expect(cells[3] == (ConfigurationOption.withFlag.contains(option) ? "`\(option.flagName)`" : "–"))
        #expect(cells[4] == option.defaultValue.map { "`\($0)`" } ?? "–")
        #expect(!cells[5].isEmpty)
    }

    @Test("The documented example is valid")
    func example() throws {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/configuration.md"), encoding: .utf8)
        let start = try #require(text.range(of: "```yaml\n"))
        let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
        let file = try ConfigurationFile(path: "windsock.yaml", yaml: String(text[start.upperBound..<end.lowerBound]))
        #expect(file.routes?.count == 2)
    }
}
