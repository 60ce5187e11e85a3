import Core
import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// The mapping in a route: common payloads take at most six lines, and mistakes name line, key and what is allowed.
@Suite("Mapping in routes")
struct RouteMappingTests {
    private static let now = Timestamp(nanosecondsSinceEpoch: 1_714_564_800_000_000_000)

    /// A payload that real devices send, the lines of YAML that fit it, and the result.
    struct Example: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var route: String
        var topic: String
        var payload: String
        var readings: [String]
    }

    static let examples = [
        Example(
            testDescription: "an uplink of a network server",
            route: """
                - topic: v3/+/devices/{device}/up
                  paths: {values: uplink_message.decoded_payload, time: received_at}
                  metrics: {rssi: {path: uplink_message.rx_metadata.0.rssi, unit: dBm}}
                """,
            topic: "v3/app/devices/d1/up",
            payload: """
                {"received_at":"2024-05-01T11:59:00Z","uplink_message":{"decoded_payload":{"temp":21.5,"hum":40},
                "rx_metadata":[{"rssi":-97}]}}
                """, readings: ["d1 temp=21.5 hum=40 rssi=-97dBm @-60"]),
        Example(
            testDescription: "an array of samples with a device each",
            route: """
                - topic: plant/{site}/data
                  room: plant/{site}/{device}
                  paths: {each: readings, device: id, metric: name, value: val, unit: uom, time: $.ts}
                """,
            topic: "plant/north/data",
            payload: """
                {"ts":1714564790000,"readings":[{"id":"a","name":"co2","val":600,"uom":"ppm"},
                {"id":"b","name":"t","val":"21.5","uom":"°C"}]}
                """, readings: ["a co2=600ppm @-10", "b t=21.5°C @-10"]),
        Example(
            testDescription: "states, scale and units by name",
            route: """
                - topic: doors/{device}
                  metrics:
                    door: {path: state, states: {open: 1, closed: 0}}
                    lock: {path: lock, states: [unlocked, locked]}
                    battery: {path: batt.mv, scale: 0.001, unit: V}
                """,
            topic: "doors/d1", payload: #"{"state":"open","lock":"locked","batt":{"mv":3300},"uptime":5}"#,
            readings: ["d1 door=1 lock=1 battery=3.3V"]),
        Example(
            testDescription: "a plain object with other names",
            route: """
                - topic: env/{device}
                  rename: {t: temperature, h: humidity}
                  metrics: {temperature: {unit: °C, scale: 0.1}, humidity: {unit: "%"}}
                  drop: [debug, rssi]
                  states: {on: 1, off: 0}
                """,
            topic: "env/d1", payload: #"{"t":215,"h":40,"fan":"on","debug":{"x":1},"rssi":-60,"time":1714564780}"#,
            readings: ["d1 temperature=21.5°C humidity=40% fan=1 @-20"]),
        Example(
            testDescription: "a list of the wanted values",
            route: """
                - topic: meters/{device}
                  metrics: [total.kwh, phases.0.volt]
                """,
            topic: "meters/d1", payload: #"{"total":{"kwh":5,"x":1},"phases":[{"volt":230}]}"#,
            readings: ["d1 total.kwh=5 phases.0.volt=230"]),
        Example(
            testDescription: "another convention's metrics",
            route: """
                - topic: zigbee2mqtt/{device}
                  drop: linkquality
                  metrics: {battery: {scale: 2}}
                """,
            topic: "zigbee2mqtt/d1", payload: #"{"battery":45,"linkquality":80}"#, readings: ["d1 battery=90%"]),
    ]

    @Test("A mapping of at most six lines reads the payload", arguments: examples)
    func example(_ example: Example) throws {
        #expect(example.route.split(separator: "\n").count <= 6)
        let configuration = try SettingsFixture.load("routes:\n" + example.route)
        #expect(try Self.decode(example, configuration) == example.readings)
    }

    @Test("A printed mapping is a mapping with the same meaning", arguments: examples)
    func printed(_ example: Example) throws {
        let yaml = "routes:\n" + example.route
        let printed = GatewayConfiguration.printed(try SettingsFixture.sources(yaml))
        let again = try SettingsFixture.load(printed)
        #expect(again.routes.map(\.mapping) == (try SettingsFixture.load(yaml)).routes.map(\.mapping))
        #expect(try Self.decode(example, again) == example.readings)
    }

    private static func decode(_ example: Example, _ configuration: GatewayConfiguration) throws -> [String] {
        var decoder = TelemetryDecoder(routes: configuration.routes)
        let readings = try decoder.decode(topic: example.topic, payload: Array(example.payload.utf8), receivedAt: now)
        return readings.map { reading in
            let metrics = reading.metrics.map { metric in
                var bytes: [UInt8] = []
                JSONWriter.append(metric.value, to: &bytes)
                return "\(metric.name)=\(String(decoding: bytes, as: UTF8.self))\(metric.unit ?? "")"
            }
            let age = reading.hasDeviceTime ? [" @\(reading.time.since(now).components.seconds)"] : []
            return ([reading.device.rawValue, metrics.joined(separator: " ")].joined(separator: " ") + age.joined())
        }
    }

    static let mistakes: [(keys: String, place: String, words: String)] = [
        ("paths: {value: a..b}", "3: routes[0].paths.value", "empty name"),
        ("paths: {value: [a]}", "3: routes[0].paths.value", "data.temp"),
        ("paths: [a]", "3: routes[0].paths", "allowed: a mapping of paths"),
        ("paths: {vlaue: a}", "3: routes[0].paths.vlaue", "did you mean \"value\"?"),
        ("paths: {metric: a}", "3: routes[0].paths.metric", "only with \"value\""),
        ("paths: {value: a, values: b}", "3: routes[0].paths.values", "only without \"value\""),
        ("paths: {each: a, values: $.b}", "3: routes[0].paths.values", "begins with $"),
        ("metrics: {a: {path: b, scale: 0}}", "3: routes[0].metrics.a.scale", "other than 0"),
        ("metrics: {a: {path: b, scale: big}}", "3: routes[0].metrics.a.scale", "other than 0"),
        ("metrics: {a: {path: b, unit: [m]}}", "3: routes[0].metrics.a.unit", "1 to 32 bytes"),
        ("metrics: {a: {path: b, colour: red}}", "3: routes[0].metrics.a.colour", "offset, path, scale, states, unit"),
        ("metrics:\n    a: b\n    c: {unit: m}", "5: routes[0].metrics.c", "values: $"),
        ("metrics: {a: b}\n  drop: c", "4: routes[0].drop", "values: $"),
        ("metrics: {a: b}\n  convention: tasmota", "4: routes[0].convention", "allowed: auto, json"),
        ("metrics: 7[", "3: routes[0].metrics", "a list of paths"),
        ("rename: {a: [b]}", "3: routes[0].rename.a", "1 to 128 bytes"),
        ("rename: a", "3: routes[0].rename", "{temp: temperature}"),
        ("states: {on: yes}", "3: routes[0].states.on", "a number"),
        ("states: 1", "3: routes[0].states", "{open: 1, closed: 0}"),
        ("drop: {a: 1}", "3: routes[0].drop", "1 to 256 bytes"),
    ]

    @Test("A mistake in a mapping has line, key and what is allowed", arguments: mistakes)
    func mistake(_ keys: String, _ place: String, _ words: String) {
        let problems = SettingsFixture.problems("routes:\n- topic: a/{device}\n  \(keys)\n")
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.contains { $0.hasPrefix("windsock.yaml:\(place): ") && $0.contains(words) }, "\(problems)")
    }

    @Test("The documented mappings are valid")
    func documented() throws {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/configuration.md"), encoding: .utf8)
        let section = try #require(text.range(of: "### Mapping"))
        let start = try #require(text.range(of: "```yaml\n", range: section.upperBound..<text.endIndex))
        let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
        let configuration = try SettingsFixture.load(String(text[start.upperBound..<end.lowerBound]))
        #expect(configuration.routes.count == 4 && configuration.routes.allSatisfy { $0.mapping != nil })
    }

    @Test("Mapped metrics, names and states are limited, and a mapping needs a device")
    func limits() {
        let many = (0...64).map { "m\($0): p" }.joined(separator: ", ")
        let problems = SettingsFixture.problems("routes: [{topic: \"a/{device}\", metrics: {\(many)}}]")
        #expect(problems == ["windsock.yaml:1: routes[0].metrics: too many metrics (65); allowed: at most 64"])
        let device = SettingsFixture.problems("routes:\n- topic: a/+\n  metrics: {t: a}")
        #expect(device.count == 1 && device[0].contains("paths: {device: PATH}"), "\(device)")
    }

    @Test("`default_routes` keeps the default routes behind those of the file")
    func defaultRoutes() throws {
        let yaml = "routes: [{topic: \"a/{device}\"}, {topic: \"sensors/{device}\", qos: 0}]\n"
        let own = try SettingsFixture.load(yaml)
        #expect(own.routes.map(\.pattern) == ["a/{device}", "sensors/{device}"])
        #expect(own.statusRoutes.isEmpty)
        let both = try SettingsFixture.load(yaml + "default_routes: true")
        #expect(
            both.routes.map(\.pattern) == ["a/{device}", "sensors/{device}"]
                + TopicRoute.defaults.map(\.pattern).filter { $0 != "sensors/{device}" })
        #expect(both.routes[1].qos == 0)
        #expect(both.statusRoutes == StatusRoute.defaults)
        let printed = GatewayConfiguration.printed(try SettingsFixture.sources(yaml + "default_routes: true"))
        #expect(try SettingsFixture.load(printed).routes == both.routes)
        #expect(try SettingsFixture.load("default_routes: true").routes == TopicRoute.defaults)
        #expect(SettingsFixture.problems("default_routes: maybe").count == 1)
    }
}
