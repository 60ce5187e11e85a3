import Foundation
import MQTTTransport
import TestSupport
import Testing

@testable import Gateway

/// Every documented setting can be set from every source and changes the gateway's configuration.
@Suite("Settings table")
struct SettingsTableTests {
    struct Row: CustomTestStringConvertible {
        let key: String
        let variable: String
        let defaultValue: String
        var testDescription: String { key }
    }

    private static func rows() throws -> [Row] {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/configuration.md"), encoding: .utf8)
        let settings = try #require(text.components(separatedBy: "\n## ").first { $0.hasPrefix("Settings\n") })
        return settings.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
            }
            return Row(key: cells[1], variable: cells[2], defaultValue: cells[4])
        }
    }

    /// Values that cannot be derived from the default.
    private static let values = [
        "listen": "127.0.0.1:9999", "mqtt.url": "mqtt://other:1884", "data_dir": "elsewhere",
        "dashboards_dir": "boards",
        "public_url": "https://dash.example.org", "log_level": "debug",
        "allowed_origins": "https://a.example", "frame_ancestors": "https://wiki.example",
        "jwt.secret": SettingsFixture.secret,
        "jwt.jwks": "https://id.example.org/keys.json", "jwt.issuer": "https://id.example.org",
        "jwt.audiences": "windsock,other", "mqtt.client_id": "gateway-1", "mqtt.version": "3.1.1",
        "mqtt.username": "gateway", "mqtt.password": "hunter2", "mqtt.status_topic": "gateways/1",
        "mqtt.share_group": "gateways", "devices.status_topics": "sensors/{device}/alive",
        "devices.clock_exchange": "off", "discovery": "off", "mqtt.discovery_filter": "home/#", "homeassistant": "on",
        "mqtt.homeassistant_prefix": "ha",
        "limits.exempt_addresses": "10.0.0.1", "storage.durability": "full",
        "webhook.url": "https://hooks.example.org/x",
        "webhook.secret": "a-secret-of-16-bytes", "webhook.allow_private": "on",
    ]

    /// Returns the other settings that the key requires.
    private static func companions(of key: String, _ file: String) -> [String: String] {
        switch key {
        case "mqtt.password", "mqtt.password_file": ["mqtt.username": "gateway"]
        case "mqtt.homeassistant_prefix": ["homeassistant": "on"]
        case "mqtt.ca_file": ["mqtt.url": "mqtts://broker"]
        case "mqtt.certificate_file": ["mqtt.url": "mqtts://broker", "mqtt.key_file": file]
        case "mqtt.key_file": ["mqtt.url": "mqtts://broker", "mqtt.certificate_file": file]
        case "tls.certificate_file": ["tls.key_file": file]
        case "tls.key_file": ["tls.certificate_file": file]
        case "webhook.secret", "webhook.secret_file", "webhook.allow_private":
            ["webhook.url": "https://hooks.example.org/x"]
        default: [:]
        }
    }

    private static func value(of row: Row, _ folder: TemporaryFolder, _ file: String) throws -> String {
        if let value = values[row.key] { return value }
        if row.key == "alerts_dir" { return folder.url.path }
        if row.key.hasSuffix("_file") { return file }
        if let number = Int(row.defaultValue) { return String(number + 1) }
        let digits = row.defaultValue.prefix(while: \.isNumber)
        return String(try #require(Int(digits), "\(row.key) needs a value here") + 1)
            + row.defaultValue.dropFirst(digits.count)
    }

    /// Returns everything in a configuration, sorted because sets have no order.
    private static func contents(_ configuration: GatewayConfiguration) -> [Substring] {
        let mqtt = configuration.mqtt
        // The description omits secrets and rarely used settings.
        let hidden: [Any?] = [
            mqtt.host, mqtt.protocolVersion, mqtt.clientID, mqtt.username, mqtt.password, mqtt.tls, mqtt.keepAlive,
            mqtt.sessionExpiry, mqtt.receiveMaximum, mqtt.batchInterval, mqtt.lastWill, mqtt.subscriptions,
        ]
        return ("\(configuration)" + "\(hidden)").split(separator: ",").sorted()
    }

    @Test("The table covers all settings")
    func complete() throws {
        #expect(try Self.rows().map(\.key).sorted() == ConfigurationOption.all.map(\.key).sorted())
    }

    @Test("Every setting can be set by file, variable and flag", arguments: try rows())
    func everywhere(_ row: Row) throws {
        let folder = try TemporaryFolder()
        // The file must be long enough for a secret and contain rules for a folder of alerts.
        try folder.write(
            "- {name: hot, metric: temperature, above: 30, notify: {users: [ada]}}", to: "rules.yaml")
        let file = folder.url.appending(path: "rules.yaml").path
        let value = try Self.value(of: row, folder, file)
        let companions = Self.companions(of: row.key, file)
        // A key without its certificate is an error.
        let without = Self.contents(try (try? SettingsFixture.load(flags: companions)) ?? SettingsFixture.load())
        let places: [(String, GatewayConfiguration.Sources)] = [
            (
                "windsock.yaml:1: \(row.key)",
                try SettingsFixture.sources("\(row.key): \"\(value)\"", flags: companions)
            ),
            (row.variable, try SettingsFixture.sources(environment: [row.variable: value], flags: companions)),
            (row.key, try SettingsFixture.sources(flags: companions.merging([row.key: value]) { $1 })),
        ]
        for (origin, sources) in places {
            #expect(Self.contents(try GatewayConfiguration(sources)) != without, "\(origin)")
            let printed = GatewayConfiguration.printed(sources).split(separator: "\n")
            let line = try #require(printed.first { $0.hasPrefix("\(row.key): ") })
            #expect(line.contains(origin) || line.contains(row.key.replacing("_", with: "-").replacing(".", with: "-")))
        }
    }
}
