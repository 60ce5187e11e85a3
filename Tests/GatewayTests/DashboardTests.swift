import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Gateway

/// Dashboards are checked as their documentation says, and handed on as they are.
@Suite("Dashboards")
struct DashboardTests {
    private static let panel = "{type: chart, title: T, devices: [a], metrics: [t]}"

    private static func problems(_ yaml: String, id: String = "home") -> [String] {
        do {
            _ = try DashboardFile(path: "d.yaml", id: id, yaml: yaml)
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    /// A dashboard with that one panel, on line 4.
    private static func withPanel(_ panel: String) -> String {
        "title: Home\nrooms: [sensors/+]\npanels:\n  - \(panel)\n"
    }

    @Test("The shipped dashboards load, in their order")
    func shipped() throws {
        let catalog = try DashboardCatalog(directory: try PackageRoot.directory.appending(path: "dashboards").path)
        #expect(catalog.ids.first == "overview")
        #expect(catalog.ids.count >= 7)
        let json = try Telemetry.JSONParser.parse(catalog.json)
        #expect(json["dashboards"]?.arrayValue?.count == catalog.ids.count)
    }

    @Test("The JSON has the file's keys and no others")
    func json() throws {
        let file = try DashboardFile(
            path: "d.yaml", id: "home",
            yaml: """
                title: Home
                order: 7
                rooms: [sensors/+]
                panels:
                  - type: value
                    title: "<b>Door</b>"
                    devices: ["d-*"]
                    metrics: [door]
                    thresholds: [{above: 0.5, level: critical}]
                    states: [{value: 1, text: open}]
                """)
        var bytes: [UInt8] = []
        file.json.append(to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"id":"home","title":"Home","order":7,"rooms":["sensors/+"],"panels":[{"type":"value","#
                + #""title":"\u003cb\u003eDoor\u003c/b\u003e","devices":["d-*"],"metrics":["door"],"#
                + #""thresholds":[{"above":0.5,"level":"critical"}],"states":[{"value":1,"text":"open"}]}]}"#)
        #expect(file.order == 7)
    }

    static let mistakes: [(yaml: String, origin: String, words: String)] = [
        ("", "d.yaml", "empty"),
        ("title: [", "d.yaml", "YAML"),
        ("rooms: [a]\npanels: [\(panel)]", "d.yaml:1: title", "missing"),
        ("title: \"\"\nrooms: [a]\npanels: [\(panel)]", "d.yaml:1: title", "1 to 80"),
        ("title: T\nrooms: []\npanels: [\(panel)]", "d.yaml:2: rooms", "1 to 16"),
        ("title: T\nrooms: [a, a]\npanels: [\(panel)]", "d.yaml:2: rooms[1]", "already"),
        ("title: T\nrooms: [a/#/b]\npanels: [\(panel)]", "d.yaml:2: rooms[0]", "#"),
        ("title: T\nrooms: [a]\ncolour: red\npanels: [\(panel)]", "d.yaml:3: colour", "panels"),
        (
            withPanel("{type: pie, title: T, devices: [a], metrics: [t]}"), "d.yaml:4: panels[0].type",
            "chart, value, table"
        ),
        (withPanel("{type: chart, title: T, devices: a, metrics: [t]}"), "d.yaml:4: panels[0].devices", "list"),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], span: 13}"), "d.yaml:4: panels[0].span",
            "1 to 12"
        ),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], min: 2, max: 1}"), "d.yaml:4: panels[0].min",
            "less"
        ),
        (withPanel("{type: table, title: T, devices: [a], metrics: [t], min: 2}"), "d.yaml:4: panels[0].min", "chart"),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], states: [{value: 1, text: x}]}"),
            "d.yaml:4: panels[0].states", "value and table"
        ),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], units: {h: x}}"),
            "d.yaml:4: panels[0].units", "h is not"
        ),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], thresholds: [{level: warning}]}"),
            "d.yaml:4: panels[0].thresholds[0].above", "Exactly one"
        ),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], thresholds: [{above: 1, metric: h}]}"),
            "d.yaml:4: panels[0].thresholds", "\"h\""
        ),
        (
            withPanel(
                "{type: value, title: T, devices: [a], metrics: [t], states: [{value: 1, text: a}, {value: 1, text: b}]}"
            ), "d.yaml:4: panels[0].states", "two texts"
        ),
        (
            withPanel("{type: chart, title: T, devices: [a], metrics: [t], window_s: .nan}"),
            "d.yaml:4: panels[0].window_s", "10 to 86400"
        ),
    ]

    @Test("A mistake is named with line and key, and says what is allowed", arguments: mistakes)
    func mistake(_ yaml: String, _ origin: String, _ words: String) {
        let problems = Self.problems(yaml)
        #expect(problems.contains { $0.hasPrefix("\(origin): ") && $0.contains(words) }, "\(problems)")
    }

    @Test("A file's name must do as an id")
    func id() {
        #expect(!Self.problems(Self.withPanel(Self.panel), id: "Home Sweet").isEmpty)
        #expect(Self.problems(Self.withPanel(Self.panel), id: "home-2_b").isEmpty)
    }

    @Test("A folder that is not there is an error that names the setting")
    func missingFolder() {
        #expect(throws: ConfigurationErrors.self) { try DashboardCatalog(directory: "/does/not/exist") }
    }
}
