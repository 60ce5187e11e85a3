import Core
import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// A dashboard's file is checked key by key, as its documentation says, and handed on as it is.
@Suite("Dashboards")
struct DashboardTests {
    private static func problems(_ yaml: String, id: String = "home") -> [String] {
        do {
            _ = try DashboardFile(path: "d.yaml", id: id, yaml: yaml)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    /// A dashboard with one panel, whose first key is on line 4 and whose others begin on line 8.
    private static func panel(_ keys: String = "", type: String = "chart", metrics: String = "[t, h]") -> String {
        let more = keys.split(separator: "\n").map { "    \($0)\n" }.joined()
        return "title: Home\nrooms: [sensors/+]\npanels:\n  - type: \(type)\n    title: T\n    devices: [a]\n"
            + "    metrics: \(metrics)\n\(more)"
    }

    @Test("Every key goes on to the page under its name, as it is")
    func everyKey() throws {
        let file = try DashboardFile(
            path: "d.yaml", id: "home",
            yaml: """
                title: Home
                description: All of it.
                order: 7
                rooms: [sensors/+, "chat/#"]
                panels:
                  - type: value
                    title: "<b>Door</b>"
                    devices: ["d-*", 7]
                    metrics: [door, t]
                    unit: "%"
                    units: {t: °C}
                    decimals: 2
                    span: 12
                    stale_after_s: 1.5
                    window_s: 86400
                    thresholds: [{above: 5e-1, level: critical}, {below: -4, metric: t, label: cold}]
                    states: [{value: 1, text: no, metric: door}, {value: 1, text: one, metric: t}]
                  - {type: chart, title: C, devices: [a], metrics: [m], min: -1, max: 1e3}
                """)
        var bytes: [UInt8] = []
        file.json.append(to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"id":"home","title":"Home","description":"All of it.","order":7,"rooms":["sensors/+","chat/#"],"#
                + #""panels":[{"type":"value","title":"\u003cb\u003eDoor\u003c/b\u003e","devices":["d-*","7"],"#
                + #""metrics":["door","t"],"unit":"%","units":{"t":"°C"},"decimals":2,"span":12,"#
                + #""stale_after_s":1.5,"window_s":86400,"#
                + #""thresholds":[{"above":0.5,"level":"critical"},{"below":-4,"metric":"t","label":"cold"}],"#
                + #""states":[{"value":1,"text":"no","metric":"door"},{"value":1,"text":"one","metric":"t"}]},"#
                + #"{"type":"chart","title":"C","devices":["a"],"metrics":["m"],"min":-1,"max":1000}]}"#)
        #expect(file.order == 7)
    }

    static let panelKeys =
        "type, title, devices, metrics, unit, units, decimals, span, stale_after_s, window_s, min, max, thresholds, states"

    static let dashboardMistakes: [(yaml: String, problem: String)] = [
        ("", "d.yaml: The file is empty."),
        ("- title", "d.yaml:1: A mapping is expected. Known here: title, description, order, rooms, panels."),
        (panel() + "title: Again", "d.yaml:1: The key title stands there twice."),
        (
            panel() + "colour: red",
            "d.yaml:8: colour: There is no such key. Known here: title, description, order, rooms, panels."
        ),
        (panel() + "description: \"\"", "d.yaml:8: description: Text of 1 to 280 characters is expected."),
        (panel() + "description: ~", "d.yaml:8: description: Text of 1 to 280 characters is expected."),
        (
            panel() + "description: \(String(repeating: "é", count: 281))",
            "d.yaml:8: description: Text of 1 to 280 characters is expected."
        ),
        (panel() + "order: -1", "d.yaml:8: order: A whole number from 0 to 9999 is expected."),
        (panel() + "order: 10000", "d.yaml:8: order: A whole number from 0 to 9999 is expected."),
        (panel() + "order: 1.5", "d.yaml:8: order: A whole number from 0 to 9999 is expected."),
        (panel() + "order: \"1\"", "d.yaml:8: order: A whole number from 0 to 9999 is expected."),
        (panel().replacing("title: Home\n", with: "\n"), "d.yaml:2: title: This key is missing."),
        (
            panel().replacing("Home", with: String(repeating: "x", count: 81)),
            "d.yaml:1: title: Text of 1 to 80 characters is expected."
        ),
        (panel().replacing("Home", with: "[Home]"), "d.yaml:1: title: Text of 1 to 80 characters is expected."),
        (panel().replacing("[sensors/+]", with: "[]"), "d.yaml:2: rooms: A list of 1 to 16 elements is expected."),
        (
            panel().replacing("[sensors/+]", with: "sensors/+"),
            "d.yaml:2: rooms: A list of 1 to 16 elements is expected."
        ),
        (
            panel().replacing("[sensors/+]", with: "[\((0...16).map(String.init).joined(separator: ", "))]"),
            "d.yaml:2: rooms: A list of 1 to 16 elements is expected."
        ),
        (panel().replacing("[sensors/+]", with: "[a, b, a]"), "d.yaml:2: rooms[2]: This stands in the list already."),
        (
            panel().replacing("[sensors/+]", with: "[{a: b}]"),
            "d.yaml:2: rooms[0]: A room or filter such as sensors/+ is expected."
        ),
        (
            panel().replacing("[sensors/+]", with: "[$share/g/a]"),
            "d.yaml:2: rooms[0]: \"$share/g/a\" is a shared subscription; a room or filter such as sensors/+ is expected."
        ),
        ("title: T\nrooms: [a]\npanels: []", "d.yaml:3: panels: A list of 1 to 48 elements is expected."),
        (
            "title: T\nrooms: [a]\npanels: [chart]",
            "d.yaml:3: panels[0]: A mapping is expected. Known here: \(panelKeys)."
        ),
    ]

    @Test("A mistake in a dashboard is named with line and key, and what is allowed", arguments: dashboardMistakes)
    func dashboard(_ yaml: String, _ problem: String) {
        #expect(Self.problems(yaml) == [problem])
    }

    @Test("A room that is none is refused in the words of room filters")
    func room() {
        let problems = Self.problems(Self.panel().replacing("[sensors/+]", with: "\n  - ok\n  - a/#/b"))
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("d.yaml:4: rooms[1]: ") == true && problems.first?.contains("#") == true)
    }

    static let panelMistakes: [(yaml: String, problem: String)] = [
        (panel("colour: red"), "8: panels[0].colour: There is no such key. Known here: \(panelKeys)."),
        (panel(type: "pie"), "4: panels[0].type: One of chart, value, table is expected."),
        (panel(metrics: "t"), "7: panels[0].metrics: A list of 1 to 16 elements is expected."),
        (panel(metrics: "[]"), "7: panels[0].metrics: A list of 1 to 16 elements is expected."),
        (panel(metrics: "[t, t]"), "7: panels[0].metrics[1]: This stands in the list already."),
        (panel(metrics: "[\"\"]"), "7: panels[0].metrics[0]: Text of 1 to 128 characters is expected."),
        (panel().replacing("[a]", with: "[a, \"a\"]"), "6: panels[0].devices[1]: This stands in the list already."),
        (panel().replacing("    devices: [a]\n", with: ""), "4: panels[0].devices: This key is missing."),
        (panel("unit: \"\""), "8: panels[0].unit: Text of 1 to 16 characters is expected."),
        (panel("units: [t]"), "8: panels[0].units: A mapping is expected."),
        (panel("units:\n  t: °C\n  p: hPa"), "10: panels[0].units.p: \"p\" is not one of the panel's metrics: t, h."),
        (panel("units: {t: []}"), "8: panels[0].units.t: Text of 1 to 16 characters is expected."),
        (panel("decimals: 7"), "8: panels[0].decimals: A whole number from 0 to 6 is expected."),
        (panel("span: 0"), "8: panels[0].span: A whole number from 1 to 12 is expected."),
        (panel("stale_after_s: 0.5"), "8: panels[0].stale_after_s: A number from 1 to 86400 is expected."),
        (panel("stale_after_s: 30s"), "8: panels[0].stale_after_s: A number from 1 to 86400 is expected."),
        (panel("window_s: 9"), "8: panels[0].window_s: A number from 10 to 86400 is expected."),
        (panel("window_s: .nan"), "8: panels[0].window_s: A number from 10 to 86400 is expected."),
        (panel("window_s: 0x20"), "8: panels[0].window_s: A number from 10 to 86400 is expected."),
        (
            panel("window_s: 60", type: "table"),
            "8: panels[0].window_s: This key is for panels of type chart and value only."
        ),
        (panel("min: .inf"), "8: panels[0].min: A number is expected."),
        (panel("min: 1e999"), "8: panels[0].min: A number is expected."),
        (panel("max: \"3\""), "8: panels[0].max: A number is expected."),
        (panel("max: 1\nmin: 1"), "9: panels[0].min: min must be less than max."),
        (panel("min: 1", type: "table"), "8: panels[0].min: This key is for panels of type chart only."),
        (panel("max: 1", type: "value"), "8: panels[0].max: This key is for panels of type chart only."),
        (
            panel("thresholds: [\(Array(repeating: "{above: 1}", count: 9).joined(separator: ", "))]"),
            "8: panels[0].thresholds: A list of 0 to 8 elements is expected."
        ),
        (
            panel("thresholds:\n- {above: 1}\n- {level: warning}"),
            "10: panels[0].thresholds[1]: Exactly one of above and below is needed."
        ),
        (
            panel("thresholds: [{above: 1, below: 2}]"),
            "8: panels[0].thresholds[0]: Exactly one of above and below is needed."
        ),
        (panel("thresholds: [{above: high}]"), "8: panels[0].thresholds[0].above: A number is expected."),
        (
            panel("thresholds: [{above: 1, level: bad}]"),
            "8: panels[0].thresholds[0].level: One of warning, critical is expected."
        ),
        (
            panel("thresholds: [{above: 1, label: \(String(repeating: "x", count: 41))}]"),
            "8: panels[0].thresholds[0].label: Text of 1 to 40 characters is expected."
        ),
        (
            panel("thresholds: [{above: 1, color: red}]"),
            "8: panels[0].thresholds[0].color: There is no such key. Known here: above, below, level, metric, label."
        ),
        (
            panel("thresholds:\n- {above: 1}\n- above: 1\n  metric: p"),
            "11: panels[0].thresholds[1].metric: \"p\" is not one of the panel's metrics: t, h."
        ),
        (
            panel("states: [{value: 1, text: x}]"),
            "8: panels[0].states: This key is for panels of type value and table only."
        ),
        (panel("states: [{value: 1}]", type: "value"), "8: panels[0].states[0].text: This key is missing."),
        (panel("states: [{text: x}]", type: "value"), "8: panels[0].states[0].value: This key is missing."),
        (
            panel("states: [{value: 1, text: \(String(repeating: "x", count: 25))}]", type: "table"),
            "8: panels[0].states[0].text: Text of 1 to 24 characters is expected."
        ),
        (
            panel("states:\n- {value: 1, text: a}\n- {value: 1.0, text: b}", type: "table"),
            "10: panels[0].states[1].value: This value has a text already."
        ),
        (
            panel("states: [{value: 1, text: a, metric: t}, {value: 1, text: b}]", type: "table"),
            "8: panels[0].states[1].value: This value has a text already."
        ),
        (
            panel("states: [{value: 1, text: a, metric: p}]", type: "table"),
            "8: panels[0].states[0].metric: \"p\" is not one of the panel's metrics: t, h."
        ),
    ]

    @Test("A mistake in a panel is named with line and key, and what is allowed", arguments: panelMistakes)
    func panel(_ yaml: String, _ problem: String) {
        #expect(Self.problems(yaml) == ["d.yaml:\(problem)"])
    }

    @Test("All mistakes of a file are told at once, by line, and none because of another")
    func allMistakes() {
        let problems = Self.problems(
            """
            order: first
            rooms: []
            panels:
              - {type: chart, title: A, devices: [a], metrics: t, units: {t: x}, thresholds: [{above: x, metric: h}]}
              - {type: pie, title: B, devices: [a], metrics: [t], min: 2, max: 1, states: [{value: 1, text: x}]}
            """)
        #expect(
            problems.map { $0.split(separator: ": ").prefix(2).joined(separator: ": ") } == [
                "d.yaml:1: title", "d.yaml:1: order", "d.yaml:2: rooms", "d.yaml:4: panels[0].metrics",
                "d.yaml:4: panels[0].thresholds[0].above", "d.yaml:5: panels[1].type", "d.yaml:5: panels[1].min",
            ])
    }

    @Test(
        "A file's name must do as an id",
        arguments: [
            ("home", true), ("2-b_c", true), ("", false), ("Home", false), ("-a", false), ("_a", false),
            ("a b", false), ("a.b", false), ("ä", false), (String(repeating: "a", count: 64), true),
            (String(repeating: "a", count: 65), false),
        ])
    func id(_ id: String, _ isAllowed: Bool) {
        #expect(Self.problems(Self.panel(), id: id).isEmpty == isAllowed)
    }

    @Test("Every key that is checked is documented, with the same limits of text")
    func documented() throws {
        let text = try String(
            contentsOf: try PackageRoot.directory.appending(path: "docs/dashboards.md"), encoding: .utf8)
        for field in Self.fields(of: DashboardSchema.dashboard) {
            let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") && $0.contains("`\(field.name)`") }
            #expect(!rows.isEmpty, "\(field.name)")
            guard case .text(let count) = field.schema, field.name != "metric" else { continue }
            #expect(rows.contains { $0.contains("\(count.lowerBound)–\(count.upperBound) char") }, "\(field.name)")
        }
    }

    private static func fields(of schema: Schema) -> [Schema.Field] {
        switch schema {
        case .object(let fields, _): fields + fields.flatMap { Self.fields(of: $0.schema) }
        case .list(let element, _, _): fields(of: element)
        default: []
        }
    }
}
