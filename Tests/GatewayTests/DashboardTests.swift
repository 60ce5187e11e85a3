import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

/// A dashboard file is validated key by key against its documentation and passed on unchanged.
@Suite("Dashboard files")
struct DashboardTests {
    private static func problems(_ yaml: String, id: String = "home") -> [String] {
        do {
            _ = try DashboardFile(path: "d.yaml", id: id, yaml: yaml)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    /// A dashboard with one panel. Its first key is on line 4; the others begin on line 8.
    private static func panel(_ keys: String = "", type: String = "chart", metrics: String = "[t, h]") -> String {
        let more = keys.split(separator: "\n").map { "    \($0)\n" }.joined()
        return "title: Home\nrooms: [sensors/+]\npanels:\n  - type: \(type)\n    title: T\n    devices: [a]\n"
            + "    metrics: \(metrics)\n\(more)"
    }

    @Test("Every key is passed to the page unchanged")
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
                  - {type: gauge, title: G, devices: [a], metrics: [m], min: 0, max: 9, height: 200}
                  - {type: bar, title: B, devices: ["*"], metrics: [m], max: 9}
                  - {type: state-timeline, title: S, devices: [a], metrics: [m], states: [{value: 1, text: up}]}
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
                + #"{"type":"chart","title":"C","devices":["a"],"metrics":["m"],"min":-1,"max":1000},"#
                + #"{"type":"gauge","title":"G","devices":["a"],"metrics":["m"],"height":200,"min":0,"max":9},"#
                + #"{"type":"bar","title":"B","devices":["*"],"metrics":["m"],"max":9},"#
                + #"{"type":"state-timeline","title":"S","devices":["a"],"metrics":["m"],"#
                + #""states":[{"value":1,"text":"up"}]}]}"#)
        #expect(file.order == 7)
    }

    static let dashboardKeys = "description, order, panels, rooms, title"
    static let panelKeys =
        "decimals, devices, height, max, metrics, min, span, stale_after_s, states, thresholds, title, type, unit, units, window_s"

    static let dashboardMistakes: [(yaml: String, problem: String)] = [
        ("", "d.yaml: the file is empty"),
        (
            "- title",
            "d.yaml:1: a list is not valid; allowed: a mapping with the keys title, description, order, rooms, panels"
        ),
        (panel() + "title: Again", "d.yaml:1: duplicate key title"),
        (
            panel() + "colour: red",
            "d.yaml:8: colour: unknown key; allowed: \(dashboardKeys)"
        ),
        (
            panel() + "description: \"\"",
            "d.yaml:8: description: \"\" is not valid; allowed: text of 1 to 280 characters"
        ),
        (panel() + "description: ~", "d.yaml:8: description: \"~\" is not valid; allowed: text of 1 to 280 characters"),
        (
            panel() + "description: \(String(repeating: "é", count: 281))",
            "d.yaml:8: description: \"\(String(repeating: "é", count: 60))…\" is not valid; allowed: text of 1 to 280 characters"
        ),
        (panel() + "order: -1", "d.yaml:8: order: \"-1\" is not valid; allowed: a whole number from 0 to 9999"),
        (panel() + "order: 10000", "d.yaml:8: order: \"10000\" is not valid; allowed: a whole number from 0 to 9999"),
        (panel() + "order: 1.5", "d.yaml:8: order: \"1.5\" is not valid; allowed: a whole number from 0 to 9999"),
        (panel() + "order: \"1\"", "d.yaml:8: order: \"1\" is not valid; allowed: a whole number from 0 to 9999"),
        (
            panel().replacing("title: Home\n", with: "\n"),
            "d.yaml:2: title: required key is missing; allowed: text of 1 to 80 characters"
        ),
        (
            panel().replacing("Home", with: String(repeating: "x", count: 81)),
            "d.yaml:1: title: \"\(String(repeating: "x", count: 60))…\" is not valid; allowed: text of 1 to 80 characters"
        ),
        (
            panel().replacing("Home", with: "[Home]"),
            "d.yaml:1: title: a list of length 1 is not valid; allowed: text of 1 to 80 characters"
        ),
        (
            panel().replacing("[sensors/+]", with: "[]"),
            "d.yaml:2: rooms: a list of length 0 is not valid; allowed: a list of 1 to 16 elements"
        ),
        (
            panel().replacing("[sensors/+]", with: "sensors/+"),
            "d.yaml:2: rooms: \"sensors/+\" is not valid; allowed: a list of 1 to 16 elements"
        ),
        (
            panel().replacing("[sensors/+]", with: "[\((0...16).map(String.init).joined(separator: ", "))]"),
            "d.yaml:2: rooms: a list of length 17 is not valid; allowed: a list of 1 to 16 elements"
        ),
        (panel().replacing("[sensors/+]", with: "[a, b, a]"), "d.yaml:2: rooms[2]: duplicate element"),
        (
            panel().replacing("[sensors/+]", with: "[{a: b}]"),
            "d.yaml:2: rooms[0]: a mapping is not valid; allowed: a room or filter such as sensors/+"
        ),
        (
            panel().replacing("[sensors/+]", with: "[$share/g/a]"),
            "d.yaml:2: rooms[0]: \"$share/g/a\" is a shared subscription; expected a room or filter such as sensors/+"
        ),
        (
            "title: T\nrooms: [a]\npanels: []",
            "d.yaml:3: panels: a list of length 0 is not valid; allowed: a list of 1 to 48 elements"
        ),
        (
            "title: T\nrooms: [a]\npanels: [chart]",
            "d.yaml:3: panels[0]: a single value is not valid; allowed: a mapping with the keys type, title, devices, "
                + "metrics, unit, units, decimals, span, height, stale_after_s, window_s, min, max, thresholds, states"
        ),
    ]

    @Test("An error in a dashboard has line, key and what is allowed", arguments: dashboardMistakes)
    func dashboard(_ yaml: String, _ problem: String) {
        #expect(Self.problems(yaml) == [problem])
    }

    @Test("An invalid room is rejected with the error of room filters")
    func room() {
        let problems = Self.problems(Self.panel().replacing("[sensors/+]", with: "\n  - ok\n  - a/#/b"))
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("d.yaml:4: rooms[1]: ") == true && problems.first?.contains("#") == true)
    }

    static let panelMistakes: [(yaml: String, problem: String)] = [
        (panel("colour: red"), "8: panels[0].colour: unknown key; allowed: \(panelKeys)"),
        (
            panel(type: "pie"),
            "4: panels[0].type: \"pie\" is not valid; allowed: chart, value, table, gauge, bar, state-timeline"
        ),
        (panel(metrics: "t"), "7: panels[0].metrics: \"t\" is not valid; allowed: a list of 1 to 16 elements"),
        (
            panel(metrics: "[]"),
            "7: panels[0].metrics: a list of length 0 is not valid; allowed: a list of 1 to 16 elements"
        ),
        (panel(metrics: "[t, t]"), "7: panels[0].metrics[1]: duplicate element"),
        (panel(metrics: "[\"\"]"), "7: panels[0].metrics[0]: \"\" is not valid; allowed: text of 1 to 128 characters"),
        (panel().replacing("[a]", with: "[a, \"a\"]"), "6: panels[0].devices[1]: duplicate element"),
        (
            panel().replacing("    devices: [a]\n", with: ""),
            "4: panels[0].devices: required key is missing; allowed: a list of 1 to 64 elements"
        ),
        (panel("unit: \"\""), "8: panels[0].unit: \"\" is not valid; allowed: text of 1 to 16 characters"),
        (
            panel("units: [t]"),
            "8: panels[0].units: a list is not valid; allowed: a mapping, one key: value per line or in { }"
        ),
        (
            panel("units:\n  t: °C\n  p: hPa"),
            "10: panels[0].units.p: \"p\" is not a metric of the panel; allowed: t, h"
        ),
        (
            panel("units: {t: []}"),
            "8: panels[0].units.t: a list of length 0 is not valid; allowed: text of 1 to 16 characters"
        ),
        (panel("decimals: 7"), "8: panels[0].decimals: \"7\" is not valid; allowed: a whole number from 0 to 6"),
        (panel("span: 0"), "8: panels[0].span: \"0\" is not valid; allowed: a whole number from 1 to 12"),
        (
            panel("stale_after_s: 0.5"),
            "8: panels[0].stale_after_s: \"0.5\" is not valid; allowed: a number from 1 to 86400"
        ),
        (
            panel("stale_after_s: 30s"),
            "8: panels[0].stale_after_s: \"30s\" is not valid; allowed: a number from 1 to 86400"
        ),
        (panel("window_s: 9"), "8: panels[0].window_s: \"9\" is not valid; allowed: a number from 10 to 86400"),
        (panel("window_s: .nan"), "8: panels[0].window_s: \".nan\" is not valid; allowed: a number from 10 to 86400"),
        (panel("window_s: 0x20"), "8: panels[0].window_s: \"0x20\" is not valid; allowed: a number from 10 to 86400"),
        (
            panel("window_s: 60", type: "table"),
            "8: panels[0].window_s: allowed only for panels of type chart, value, state-timeline"
        ),
        (panel("min: .inf"), "8: panels[0].min: \".inf\" is not valid; allowed: a number"),
        (panel("min: 1e999"), "8: panels[0].min: \"1e999\" is not valid; allowed: a number"),
        (panel("max: \"3\""), "8: panels[0].max: \"3\" is not valid; allowed: a number"),
        (panel("max: 1\nmin: 1"), "9: panels[0].min: min must be less than max"),
        (panel("min: 1", type: "table"), "8: panels[0].min: allowed only for panels of type chart, gauge, bar"),
        (panel("max: 1", type: "value"), "8: panels[0].max: allowed only for panels of type chart, gauge, bar"),
        (panel("min: 1", type: "gauge"), "4: panels[0]: a panel of type gauge needs max"),
        (panel("max: 1", type: "gauge"), "4: panels[0]: a panel of type gauge needs min"),
        (panel(type: "state-timeline"), "4: panels[0]: a panel of type state-timeline needs states"),
        (
            panel("height: 79"),
            "8: panels[0].height: \"79\" is not valid; allowed: a whole number from 80 to 2000"
        ),
        (
            panel("thresholds: [\(Array(repeating: "{above: 1}", count: 9).joined(separator: ", "))]"),
            "8: panels[0].thresholds: a list of length 9 is not valid; allowed: a list of 0 to 8 elements"
        ),
        (
            panel("thresholds:\n- {above: 1}\n- {level: warning}"),
            "10: panels[0].thresholds[1]: expected exactly one of above and below"
        ),
        (
            panel("thresholds: [{above: 1, below: 2}]"),
            "8: panels[0].thresholds[0]: expected exactly one of above and below"
        ),
        (
            panel("thresholds: [{above: high}]"),
            "8: panels[0].thresholds[0].above: \"high\" is not valid; allowed: a number"
        ),
        (
            panel("thresholds: [{above: 1, level: bad}]"),
            "8: panels[0].thresholds[0].level: \"bad\" is not valid; allowed: warning, critical"
        ),
        (
            panel("thresholds: [{above: 1, label: \(String(repeating: "x", count: 41))}]"),
            "8: panels[0].thresholds[0].label: \"\(String(repeating: "x", count: 41))\" is not valid; allowed: text of 1 to 40 characters"
        ),
        (
            panel("thresholds: [{above: 1, color: red}]"),
            "8: panels[0].thresholds[0].color: unknown key; allowed: above, below, label, level, metric"
        ),
        (
            panel("thresholds:\n- {above: 1}\n- above: 1\n  metric: p"),
            "11: panels[0].thresholds[1].metric: \"p\" is not a metric of the panel; allowed: t, h"
        ),
        (
            panel("states: [{value: 1, text: x}]"),
            "8: panels[0].states: allowed only for panels of type value, table, state-timeline"
        ),
        (
            panel("states: [{value: 1}]", type: "value"),
            "8: panels[0].states[0].text: required key is missing; allowed: text of 1 to 24 characters"
        ),
        (
            panel("states: [{text: x}]", type: "value"),
            "8: panels[0].states[0].value: required key is missing; allowed: a number"
        ),
        (
            panel("states: [{value: 1, text: \(String(repeating: "x", count: 25))}]", type: "table"),
            "8: panels[0].states[0].text: \"\(String(repeating: "x", count: 25))\" is not valid; allowed: text of 1 to 24 characters"
        ),
        (
            panel("states:\n- {value: 1, text: a}\n- {value: 1.0, text: b}", type: "table"),
            "10: panels[0].states[1].value: duplicate value; it already has a text"
        ),
        (
            panel("states: [{value: 1, text: a, metric: t}, {value: 1, text: b}]", type: "table"),
            "8: panels[0].states[1].value: duplicate value; it already has a text"
        ),
        (
            panel("states: [{value: 1, text: a, metric: p}]", type: "table"),
            "8: panels[0].states[0].metric: \"p\" is not a metric of the panel; allowed: t, h"
        ),
    ]

    @Test("An error in a panel has line, key and what is allowed", arguments: panelMistakes)
    func panel(_ yaml: String, _ problem: String) {
        #expect(Self.problems(yaml) == ["d.yaml:\(problem)"])
    }

    @Test("All errors of a file are reported together, by line, without consequential errors")
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
        "A file's name must be a valid id",
        arguments: [
            ("home", true), ("2-b_c", true), ("", false), ("Home", false), ("-a", false), ("_a", false),
            ("a b", false), ("a.b", false), ("ä", false), (String(repeating: "a", count: 64), true),
            (String(repeating: "a", count: 65), false),
        ])
    func id(_ id: String, _ isAllowed: Bool) {
        #expect(Self.problems(Self.panel(), id: id).isEmpty == isAllowed)
    }

    @Test("Every key is documented, with the same length limits")
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
