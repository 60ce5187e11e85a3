import AlertRules
import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

/// Rules are read as documented in docs/alerts.md, and errors name the line.
@Suite("Alert rule files")
struct AlertRuleFileTests {
    private static func rules(_ yaml: String) throws -> [AlertRule] {
        try ConfigurationFile(path: "windsock.yaml", yaml: yaml).alertRules.map(\.rule)
    }

    private static func mistakes(_ rule: String) -> [String] {
        let yaml = "alerts:\n  - name: r\n    metric: t\n" + rule.split(separator: "\n").map { "    \($0)\n" }.joined()
        do {
            _ = try rules(yaml)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test("Every key is read")
    func everything() throws {
        let rule = try #require(
            try Self.rules(
                """
                alerts:
                  - name: greenhouse-too-hot
                    title: Greenhouse too hot
                    metric: temperature
                    devices: [greenhouse-*, porch]
                    above: 30
                    for: 10s
                    hysteresis: 0.5
                    resolve_after: 5s
                    repeat: 1h
                    min_interval: 20m
                    severity: critical
                    notify: {users: [ada, bob], rooms: chat/ops}
                    message: "{device} is at {value}"
                """
            ).first)
        #expect(
            rule
                == AlertRule(
                    name: "greenhouse-too-hot", title: "Greenhouse too hot", metric: "temperature",
                    devices: [DevicePattern("greenhouse-*"), DevicePattern("porch")], condition: .above(30),
                    holdFor: .seconds(10), hysteresis: 0.5, resolveAfter: .seconds(5), repeatInterval: .seconds(3600),
                    minInterval: .seconds(1200), severity: .critical,
                    recipients: .init(users: ["ada", "bob"], rooms: ["chat/ops"]),
                    template: try AlertTemplate("{device} is at {value}")))
    }

    @Test(
        "Every condition is read",
        arguments: [
            ("above: 30", AlertCondition.above(30)), ("below: -2.5", .below(-2.5)),
            ("outside: [5, 30]", .outside(5...30)),
            ("change: 5\nwithin: 10m", .change(by: 5, within: .seconds(600), .any)),
            ("change: 5\nwithin: 1h\ndirection: fall", .change(by: 5, within: .seconds(3600), .fall)),
            ("no_data: 5m", .noData(.seconds(300))),
        ])
    func conditions(yaml: String, expected: AlertCondition) throws {
        let rule = "alerts:\n  - name: r\n    metric: t\n" + yaml.split(separator: "\n").map { "    \($0)\n" }.joined()
        #expect(try Self.rules(rule).map(\.condition) == [expected])
    }

    @Test(
        "An invalid value is an error with its line and what is allowed",
        arguments: [
            ("", "windsock.yaml:2: alerts[0]: expected exactly one condition"),
            ("above: 1\nbelow: 2", "found above, below"),
            ("above: warm", "windsock.yaml:4: alerts[0].above: \"warm\" is not valid; allowed: a number"),
            ("above: .nan", "alerts[0].above"), ("outside: [9, 1]", "the lower one first"),
            ("change: 5", "requires \"within\""),
            ("above: 1\nwithin: 5m", "allowed only with \"change\""),
            ("above: 1\nfor: soon", "\"soon\" is not valid; allowed: a duration from 0s to 31d"),
            ("above: 1\nmin_interval: often", "\"often\" is not valid; allowed: a duration from 0s to 31d"),
            ("above: 1\nrepeat: 1m\nmin_interval: 2m", "longer than \"repeat\"; allowed: at most 1m"),
            ("above: 1\nseverity: bad", "\"bad\" is not valid; allowed: info, warning, critical"),
            ("above: 1\nabove_all: 2", "unknown key"),
            ("above: 1\nmessage: '{devise}'", "unknown placeholder {devise}"),
            ("above: 1\nnotify: {rooms: [users/ada]}", "is not a valid room"),
            ("above: 1\nnotify: {rooms: ['chat/#']}", "is not a valid room"),
            ("above: 1\nnotify: {rooms: users}", "is not a valid room"),
            ("above: 1\nnotify: {users: [ada, ops/ada]}", "\"ops/ada\" is not a valid user"),
            ("above: 1\nnotify: {groups: [a]}", "allowed: rooms, users"),
            ("above: 1\nhysteresis: -1", "\"-1\" is not valid; allowed: a number of at least 0"),
            ("outside: [5, 7]\nhysteresis: 1.5", "half of the range"),
            ("no_data: 5m\nhysteresis: 1", "not allowed with no_data"),
            ("change: 2\nwithin: 1m\nhysteresis: 3", "less than the change"),
            ("no_data: 0s", "\"0s\" is not valid; allowed: a duration from 1s"),
        ])
    func mistakes(yaml: String, expected: String) {
        let found = Self.mistakes(yaml)
        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test("The folder's files are read by name, and duplicate rule names are errors with both locations")
    func folder() throws {
        let folder = try TemporaryFolder()
        try folder.write("- {name: one, metric: t, above: 1}", to: "a.yaml")
        try folder.write("alerts:\n  - {name: two, metric: t, above: 1}\n", to: "b.yml")
        try folder.write("not yaml: [", to: "ignored.txt")
        var sources = GatewayConfiguration.Sources(flags: ["alerts_dir": folder.url.path])
        #expect(try GatewayConfiguration(sources).alertRules.map(\.name) == ["one", "two"])
        try folder.write("- {name: one, metric: t, below: 1}", to: "c.yaml")
        let error = #expect(throws: ConfigurationError.self) { try GatewayConfiguration(sources) }
        #expect(error?.description.contains("c.yaml:1: name: duplicate rule \"one\", first defined at") == true)
        #expect(error?.description.contains("/a.yaml:1") == true)
        sources.flags["alerts_dir"] = folder.url.path + "/none"
        #expect(throws: ConfigurationError.self) { try GatewayConfiguration(sources) }
    }

    @Test("Telemetry rooms cannot be recipients, because they have no history; duplicate recipients are removed")
    func recipients() throws {
        let folder = try TemporaryFolder()
        let sources = GatewayConfiguration.Sources(flags: ["alerts_dir": folder.url.path])
        try folder.write(
            "- {name: one, metric: t, above: 1, notify: {users: [ada, ada], rooms: [chat/a, chat/a]}}", to: "a.yaml")
        let rule = try #require(try GatewayConfiguration(sources).alertRules.first)
        #expect(rule.recipients == .init(users: ["ada"], rooms: ["chat/a"]))
        try folder.write("- {name: one, metric: t, above: 1, notify: {rooms: [sensors/a]}}", to: "a.yaml")
        let error = #expect(throws: ConfigurationError.self) { try GatewayConfiguration(sources) }
        #expect(error?.description.contains("a.yaml:1: notify.rooms: \"sensors/a\" is a telemetry room") == true)
    }

    @Test("The shipped rules and those in docs/alerts.md are valid")
    func shipped() throws {
        let folder = try PackageRoot.directory.appending(path: "alerts").path
        let sources = GatewayConfiguration.Sources(flags: ["alerts_dir": folder])
        #expect(try GatewayConfiguration(sources).alertRules.count >= 4)
        let text = try String(contentsOf: PackageRoot.directory.appending(path: "docs/alerts.md"), encoding: .utf8)
        let examples = text.split(separator: "```yaml\n").dropFirst().compactMap { $0.split(separator: "```").first }
        #expect(examples.count >= 3)
        for example in examples { #expect(try !Self.rules(String(example)).isEmpty, "\(example)") }
    }
}
