import Testing

@testable import Gateway

/// Each mistake is reported with its location, together with all others.
@Suite("Configuration errors")
struct ConfigurationMistakeTests {
    static let mistakes: [(yaml: String, origin: String, words: String)] = [
        ("listen: nowhere", "windsock.yaml:1: listen", "127.0.0.1:8080"),
        ("\nlisten: 1.2.3.4:70000", "windsock.yaml:2: listen", "70000"),
        ("listen: [\"a:1\"]", "windsock.yaml:1: listen", "single value"),
        ("limits: {devices: many}", "windsock.yaml:1: limits.devices", "whole number from 1"),
        ("limits:\n  devises: 3", "windsock.yaml:2: limits.devises", "did you mean \"devices\"?"),
        ("limits: 3", "windsock.yaml:1: limits", "mapping"),
        ("limits: {devices: 1}\nlimits.devices: 2", "windsock.yaml:2: limits.devices", "line 1"),
        ("color: red", "windsock.yaml:1: color", "listen"),
        ("log_level: loud", "windsock.yaml:1: log_level", "trace, debug, info"),
        ("event_loops: 1.5", "windsock.yaml:1: event_loops", "0 to 1024"),
        ("mqtt: {url: \"http://x\"}", "windsock.yaml:1: mqtt.url", "mqtt://"),
        ("mqtt: {url: \"mqtt://x:99999\"}", "windsock.yaml:1: mqtt.url", "65535"),
        ("mqtt: {version: 4}", "windsock.yaml:1: mqtt.version", "auto, 5, 3.1.1"),
        ("mqtt: {keep_alive: 3}", "windsock.yaml:1: mqtt.keep_alive", "10s"),
        (
            "mqtt: {keep_alive: 1s}", "windsock.yaml:1: mqtt.keep_alive",
            "\"1s\" is not valid; allowed: a duration from 5s"
        ),
        ("mqtt: {status_topic: a/+}", "windsock.yaml:1: mqtt.status_topic", "not a valid topic"),
        ("mqtt: {share_group: a/b}", "windsock.yaml:1: mqtt.share_group", "a/b"),
        ("mqtt: {password: hush}", "windsock.yaml:1: mqtt.password", "user name"),
        ("mqtt:\n  ca_file: /none.pem", "windsock.yaml:2: mqtt.ca_file", "mqtts://"),
        ("mqtt:\n  url: mqtts://x\n  ca_file: /none.pem", "windsock.yaml:3: mqtt.ca_file", "/none.pem"),
        ("mqtt:\n  url: mqtts://x\n  key_file: /etc/hostname", "windsock.yaml:3: mqtt.key_file", "certificate_file"),
        ("public_url: dash", "windsock.yaml:1: public_url", "http"),
        ("public_url: ftp://dash", "windsock.yaml:1: public_url", "http"),
        ("allowed_origins: [\"*\"]", "windsock.yaml:1: allowed_origins", "origin"),
        ("allowed_origins: [\"https://a/b\"]", "windsock.yaml:1: allowed_origins", "https://a/b"),
        ("frame_ancestors: [\"*\"]", "windsock.yaml:1: frame_ancestors", "\"*\" is not a valid origin"),
        ("frame_ancestors: [none, self]", "windsock.yaml:1: frame_ancestors", "none alone"),
        ("frame_ancestors: wiki.example", "windsock.yaml:1: frame_ancestors", "https://wiki.example.org"),
        ("frame_ancestors: [\"https://a/b\"]", "windsock.yaml:1: frame_ancestors", "https://a/b"),
        ("frame_ancestors: [\"https://a;script-src\"]", "windsock.yaml:1: frame_ancestors", "https://a;script-src"),
        ("frame_ancestors: [\"https://a b\"]", "windsock.yaml:1: frame_ancestors", "https://a b"),
        ("frame_ancestors: [\"https://[::1]\"]", "windsock.yaml:1: frame_ancestors", "https://[::1]"),
        (
            "webhook: {url: \"http://10.0.0.1/x\"}", "windsock.yaml:1: webhook.url",
            "10.0.0.1 is a private address; set webhook.allow_private to on to allow it"
        ),
        (
            "webhook: {url: \"http://[::1]:9/x\"}", "windsock.yaml:1: webhook.url",
            "::1 is a loopback address; set webhook.allow_private to on"
        ),
        (
            "webhook: {url: \"http://169.254.169.254/\", allow_private: \"on\"}", "windsock.yaml:1: webhook.url",
            "169.254.169.254 is a link-local address; allowed: a public address, or one in a private network"
        ),
        ("jwt: {secret: short}", "windsock.yaml:1: jwt.secret", "32"),
        ("jwt: {secret_file: /none}", "windsock.yaml:1: jwt.secret_file", "/none"),
        ("routes: [{topic: \"a/{x\"}]", "windsock.yaml:1: routes[0].topic", "{x"),
        ("routes: [{room: a}]", "windsock.yaml:1: routes[0].topic", "sensors/{device}/{metric}"),
        ("routes: [{topic: [a]}]", "windsock.yaml:1: routes[0].topic", "sensors/{device}/{metric}"),
        ("routes:\n - topic: a/{device}\n   qos: 2", "windsock.yaml:3: routes[0].qos", "QoS 2"),
        ("routes:\n - topic: a/{device}\n   room: \"a/{x}\"", "windsock.yaml:3: routes[0].room", "{x}"),
        ("routes: [{topic: \"a/{device}\", room: [b]}]", "windsock.yaml:1: routes[0].room", "sensors/{device}"),
        ("routes: [{topic: \"a/{device}\", convention: xml}]", "windsock.yaml:1: routes[0].convention", "senml"),
        ("routes: [{topic: \"a/{device}\", convention: [json]}]", "windsock.yaml:1: routes[0].convention", "senml"),
        ("routes: [{topic: \"a/{device}\", colour: 1}]", "windsock.yaml:1: routes[0].colour", "convention"),
        (
            "routes: [{topic: \"a/{device}\", fahrenheit_to_celsius: 1}]",
            "windsock.yaml:1: routes[0].fahrenheit_to_celsius", "true or false"
        ),
        (
            "routes: [{topic: \"a/{device}\", devices_in_payload: many}]",
            "windsock.yaml:1: routes[0].devices_in_payload", "true or false"
        ),
        ("routes: [7]", "windsock.yaml:1: routes[0]", "topic"),
        ("routes: 7", "windsock.yaml:1: routes", "list"),
        ("- listen", "windsock.yaml:1", "mapping"),
        ("listen: [", "windsock.yaml:2", "YAML"),
        ("listen: a:1\nlisten: a:2", "windsock.yaml:1", "listen"),
    ]

    @Test("An error in the file has line, key and what is allowed", arguments: mistakes)
    func mistake(_ yaml: String, _ origin: String, _ words: String) {
        let problems = SettingsFixture.problems(yaml)
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.contains { $0.hasPrefix("\(origin): ") && $0.contains(words) }, "\(problems)")
    }

    @Test("Every error of a file is reported, not only the first")
    func allOfAFile() {
        let problems = SettingsFixture.problems(
            "colour: red\nroutes:\n  - {convention: xml, qos: many}\n  - {topic: \"a/{device}\", shape: round}\n")
        #expect(
            problems.map { $0.split(separator: ": ").prefix(2).joined(separator: ": ") }
                == [
                    "windsock.yaml:1: colour", "windsock.yaml:3: routes[0].topic",
                    "windsock.yaml:3: routes[0].convention",
                    "windsock.yaml:3: routes[0].qos", "windsock.yaml:4: routes[1].shape",
                ])
    }

    @Test(
        "An invalid value is reported with its origin",
        arguments: [
            ("windsock.yaml:1: limits.rooms", "limits: {rooms: 0}", [:], [:]),
            ("WINDSOCK_LIMITS_ROOMS", "limits: {rooms: 7}", ["WINDSOCK_LIMITS_ROOMS": "0"], [:]),
            (
                "--set limits.rooms", "limits: {rooms: 7}", ["WINDSOCK_LIMITS_ROOMS": "8"],
                ["limits.rooms": "0"]
            ),
        ] as [(String, String, [String: String], [String: String])])
    func origin(_ origin: String, _ yaml: String, _ environment: [String: String], _ flags: [String: String]) {
        #expect(
            SettingsFixture.problems(yaml, environment: environment, flags: flags)
                == ["\(origin): \"0\" is not valid; allowed: a whole number from 1 to 100000"])
    }

    @Test("All variables and flags are checked, and a flag is named as typed")
    func otherOrigins() {
        let problems = SettingsFixture.problems(
            environment: ["WINDSOCK_LIMITS_ROOMS": "0", "WINDSOCK_LISTN": "x", "UNRELATED": "y"],
            flags: ["mqtt.url": "x", "limits.devices": "-1"])
        #expect(problems.count == 4, "\(problems)")
        #expect(problems.contains { $0.hasPrefix("WINDSOCK_LIMITS_ROOMS: ") })
        #expect(problems.contains { $0.hasPrefix("WINDSOCK_LISTN: ") && $0.contains("WINDSOCK_LISTEN") })
        #expect(problems.contains { $0.hasPrefix("--mqtt-url: ") })
        #expect(problems.contains { $0.hasPrefix("--set limits.devices: ") })
    }

    @Test("The error for an unknown variable lists those of its section")
    func unknownVariable() {
        let problem = SettingsFixture.problems(environment: ["WINDSOCK_JWT_SECRETS": "x"])
        #expect(
            problem == [
                "WINDSOCK_JWT_SECRETS: unknown setting; allowed: WINDSOCK_JWT_SECRET, "
                    + "WINDSOCK_JWT_SECRET_FILE, WINDSOCK_JWT_JWKS, WINDSOCK_JWT_JWKS_REFRESH, WINDSOCK_JWT_ISSUER, "
                    + "WINDSOCK_JWT_AUDIENCES"
            ])
    }
}
