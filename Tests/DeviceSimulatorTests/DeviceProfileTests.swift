import Core
import Foundation
import Testing

@testable import DeviceSimulator

@Suite("Errors in device files name file, line, key and what is allowed")
struct DeviceProfileTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var yaml: String
        var line: Int
        var key: String?
        var message: String
        var testDescription: String { "\(key ?? "file"): \(message)" }

        /// Line numbers count from the four lines that begin each file.
        static func after(_ more: String, _ key: String, _ message: String, line: Int = 5) -> Mistake {
            Mistake(
                yaml: """
                    device: probe
                    topic: sensors/{device}
                    convention: json
                    metrics: {x: 1}
                    \(more)
                    """, line: line, key: key, message: message)
        }

        static func inMetric(_ metric: String, _ key: String, _ message: String) -> Mistake {
            Mistake(
                yaml: "device: probe\ntopic: sensors/{device}\nconvention: json\nmetrics:\n  x: \(metric)\n", line: 5,
                key: key, message: message)
        }

        static func whole(_ yaml: String, _ line: Int, _ key: String?, _ message: String) -> Mistake {
            Mistake(yaml: yaml, line: line, key: key, message: message)
        }
    }

    static let mistakes: [Mistake] = [
        .after("interval: fast", "interval", "\"fast\" is not valid; allowed: a duration from 1ms to 30d"),
        .after("interval: 0s", "interval", "\"0s\" is not valid; allowed: a duration from 1ms"),
        .after("intervall: 1s", "intervall", "did you mean \"interval\"?"),
        .after("colour: red", "colour", "allowed: burst, clock_skew, convention"),
        .after("qos: 2", "qos", "\"2\" is not valid; allowed: a whole number from 0 to 1"),
        .after("retain: yes", "retain", "true or false"),
        .after("drop_rate: 1.5", "drop_rate", "from 0 to 0.99"),
        .after("seed: -1", "seed", "a whole number from 0"),
        .after("stamps: later", "stamps", "now, keep_time, none"),
        .after("stamps: keep_time", "stamps", "only with replay.time"),
        .after("count: 0", "count", "from 1 to 10000"),
        .after("jitter: 600ms", "jitter", "at most half of interval, which is 1s"),
        .after("burst: {every: 10s}", "burst.readings", "is missing"),
        .after("burst: often", "burst", "a single value is not valid; allowed: a mapping"),
        .after("offline: {every: 10s, for: 10s}", "offline.for", "less than \"every\""),
        .after("offline:\n  every: 10s\n  for: 1s\n  share: 2", "offline.share", "from 0 to 1", line: 8),
        .after("clock_skew: soon", "clock_skew", "-2s"),
        .after("stamps: none\nclock_skew: 1s", "clock_skew", "only with stamps", line: 6),
        .after("status: {topic: a/#}", "status.topic", "contains '+' or '#'"),
        .after("status: {topic: 'x/{device}', offlin: gone}", "status.offlin", "did you mean \"offline\"?"),
        .after("status_topic: a/#", "status_topic", "contains '+' or '#'"),
        .after("status_topic: 'x/{metric}'", "status_topic", "a topic without {metric}"),
        .after("count: 2\nstatus_topic: x", "status_topic", "needs its own status topic", line: 6),
        .after("status_topic: 'sensors/{device}'", "status_topic", "the topic \"sensors/probe\" also carries readings"),
        .after("status: {topic: 'x/{device}'}\nstatus_topic: y", "status_topic", "only without \"status\"", line: 6),
        .after("replay: {file: none.csv}", "replay", "give at least one metric a \"column\""),
        .after("convention: senml", "", "duplicate key", line: 3).withoutKey,
        .inMetric("{waveform: {sine: {period: 1s}}}", "metrics.x.waveform.sine.amplitude", "is missing"),
        .inMetric(
            "{waveform: {sine: {amplitude: a lot, period: 1s}}}", "metrics.x.waveform.sine.amplitude", "\"a lot\""),
        .inMetric("{waveform: {sinus: {}}}", "metrics.x.waveform.sinus", "did you mean \"sine\"?"),
        .inMetric("[1, {noise: -1}]", "metrics.x[1].noise", "from 0 to"),
        .inMetric("[]", "metrics.x", "the list is empty"),
        .inMetric("warm", "metrics.x", "\"warm\" is not valid; allowed: a number, or one of constant"),
        .inMetric("{unit: K}", "metrics.x.waveform", "is missing"),
        .inMetric("{waveform: 1, column: y}", "metrics.x.waveform or column", "both are set"),
        .inMetric("{column: y}", "metrics.x.waveform", "\"column\" requires \"replay\""),
        .inMetric("{waveform: 1, decimals: 20}", "metrics.x.decimals", "from 0 to 9"),
        .inMetric("{waveform: 1, min: 3, max: 2}", "metrics.x.min", "a number up to max"),
        .inMetric("{waveform: 1, max: .nan}", "metrics.x.max", "\".nan\""),
        .inMetric(
            "{waveform: {random_walk: {start: 9, step: 1, min: 0, max: 5}}}", "metrics.x.waveform.random_walk.start",
            "from 0 to 5"),
        .inMetric(
            "{waveform: {steps: {levels: [a], hold: 1s}}}", "metrics.x.waveform.steps.levels", "a list of numbers"),
        .inMetric("{waveform: {pulse: {height: 1, every: 1s, for: 2s}}}", "metrics.x.waveform.pulse.for", "too long"),
        .whole("", 0, nil, "the file is empty"),
        .whole("- 1", 1, nil, "a list is not valid; allowed: a mapping"),
        .whole("device: d\nstatus: {topic: a/{device}/b}", 2, nil, "needs quotes"),
        .whole("device: a\n  b: c: d", 2, nil, "the file is not valid YAML"),
        .whole("device: a/b\ntopic: t\nconvention: json\nmetrics: {x: 1}", 1, "device", "without / + #"),
        .whole("topic: t\nconvention: json\nmetrics: {x: 1}", 1, "device", "is missing; allowed: a name"),
        .whole("device: d\nconvention: json\nmetrics: {x: 1}", 1, "topic", "is missing; allowed: a topic"),
        .whole("device: d\ntopic: t\nmetrics: {x: 1}", 1, "convention", "bare, json, thingsboard, tasmota"),
        .whole("device: d\ntopic: t\nconvention: xml\nmetrics: {x: 1}", 3, "convention", "\"xml\""),
        .whole("device: d\ntopic: t\nconvention: json", 1, "metrics", "is missing"),
        .whole("device: d\ntopic: 'a/{room}'\nconvention: json\nmetrics: {x: 1}", 2, "topic", "{device} and {metric}"),
        .whole("device: d\ncount: 3\ntopic: t\nconvention: json\nmetrics: {x: 1}", 3, "topic", "a topic with {device}"),
        .whole("device: d\ntopic: t\nconvention: bare\nmetrics: {x: 1, y: 2}", 2, "topic", "a topic with {metric}"),
        .whole("device: d\ntopic: '{metric}'\nconvention: senml\nmetrics: {x: 1}", 2, "topic", "without {metric}"),
        .whole("device: d\ntopic: t\nconvention: bare\nstamps: now\nmetrics: {x: 1}", 4, "stamps", "allowed: none"),
        .whole("device: d\ntopic: t\nconvention: json\nmetrics: {ts: 1}", 4, "metrics.ts", "a name other than"),
        .whole("device: d\ntopic: t\nconvention: tasmota\nmetrics: {R1_2: 1}", 4, "metrics.R1_2", "lower case"),
        .whole("device: d\ntopic: t\nconvention: json\nmetrics: {a/b: 1}", 4, "metrics.a/b", "without / + #"),
        .whole("device: d\ntopic: t\nunits: true\nconvention: senml\nmetrics: {x: 1}", 3, "units", "only with json"),
    ]

    @Test("Every error is reported at its location", arguments: mistakes)
    func mistake(_ mistake: Mistake) throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try Profiles.profile(mistake.yaml, path: "devices/x.yaml")
        }
        let text = error.description
        #expect(error.problems.count == 1, "\(text)")
        let problem = try #require(error.problems.first)
        #expect(problem.origin == "devices/x.yaml")
        #expect(problem.line ?? 0 == mistake.line, "\(text)")
        #expect(problem.key == mistake.key, "\(text)")
        #expect(problem.message.contains(mistake.message), "\(text)")
    }

    @Test("A metric named status in per-metric topics requires another status topic, or none")
    func metricNamedStatus() throws {
        let yaml = "device: d\ntopic: sensors/{device}/{metric}\nconvention: bare\nmetrics: {status: 1}\n"
        let error = try #require(throws: ConfigurationError.self) { _ = try Profiles.profile(yaml) }
        #expect(error.problems.map(\.key) == ["status_topic"])
        #expect(
            error.description.contains(
                "\"sensors/d/status\" also carries readings; allowed: a separate topic, or null for none"))
        #expect(try Profiles.profile(yaml + "status_topic: null").status == nil)
    }

    @Test(
        "Devices below sensors/{device} have a default status topic, others a configured one, and null none",
        arguments: [
            ("sensors/{device}", "", "sensors/d/status"), ("sensors/{device}/air", "", "sensors/d/status"),
            ("sensors/{device}", "status_topic: null", nil), ("sensors/{device}", "status_topic: ~", nil),
            ("sensors/{device}", "status_topic:", nil), ("devices/{device}/telemetry", "", nil),
            ("sensors/kitchen", "", nil), ("sensors/x-{device}", "", nil),
            ("devices/{device}/telemetry", "status_topic: sensors/{device}/status", "sensors/d/status"),
            ("sensors/{device}", "status: {topic: 'x/{device}'}", "x/d"),
        ] as [(String, String, String?)])
    func statusTopic(topic: String, more: String, expected: String?) throws {
        let profile = try Profiles.profile(
            "device: d\ntopic: \(topic)\nconvention: json\nmetrics: {x: 1}\n\(more)")
        #expect(profile.status?.topic.topic(device: "d") == expected)
        if profile.status != nil {
            #expect(profile.status?.online == "online")
            #expect(profile.status?.offline == "offline")
            #expect(profile.status?.retain == true)
        }
    }

    @Test("All errors are reported together, in line order")
    func several() throws {
        let error = try #require(throws: ConfigurationError.self) {
            _ = try Profiles.json("qos: 7\ninterval: soon\nwheel: round")
        }
        #expect(error.problems.map(\.key) == ["qos", "interval", "wheel"])
        #expect(
            error.description.split(separator: "\n").first
                == "test.yaml:6: qos: \"7\" is not valid; allowed: a whole number from 0 to 1")
    }

    @Test("Errors in a replayed CSV name the file, line and column")
    func csv() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try "t,x\n1,2\n2,oops\n".write(to: folder.appending(path: "d.csv"), atomically: true, encoding: .utf8)
        let file = folder.appending(path: "d.yaml")
        try """
        device: d
        topic: sensors/{device}
        convention: json
        replay: {file: d.csv, time: t}
        metrics: {x: {column: x}}
        """.write(to: file, atomically: true, encoding: .utf8)
        let error = try #require(throws: ConfigurationError.self) { _ = try DeviceProfile.load(file.path) }
        #expect(error.problems.count == 1)
        #expect(
            error.description.hasSuffix(
                "d.csv:3: x: \"oops\" is not a valid number; allowed: a number or an empty field")
        )
    }

    @Test("Missing files, empty folders and duplicate devices are errors")
    func files() throws {
        let missing = try #require(throws: ConfigurationError.self) { _ = try DeviceProfile.load("no/such.yaml") }
        #expect(missing.description.hasPrefix("no/such.yaml: the file cannot be read"))
        let empty = try #require(throws: ConfigurationError.self) { _ = try DeviceProfile.files(in: "no/such") }
        #expect(empty.description.contains("*.yaml"))
        let folder = try Profiles.shippedFolder
        let twice = try #require(throws: ConfigurationError.self) {
            _ = try DeviceProfile.load(["\(folder)/fleet.yaml", "\(folder)/fleet.yaml"])
        }
        #expect(twice.problems.first?.message.contains("\"fleet-01\", already defined in") == true)
    }

    @Test(
        "The devices of a fleet are numbered with padding",
        arguments: [
            ("", ["probe"]), ("count: 1", ["probe-1"]), ("count: 2", ["probe-1", "probe-2"]),
            ("count: 10", (1...10).map { $0 < 10 ? "probe-0\($0)" : "probe-10" }),
        ])
    func names(more: String, expected: [String]) throws {
        #expect(try Profiles.json(more).deviceNames == expected)
    }
}

extension DeviceProfileTests.Mistake {
    /// The same mistake, reported for the whole file.
    fileprivate var withoutKey: Self {
        var mistake = self
        mistake.key = nil
        return mistake
    }
}
