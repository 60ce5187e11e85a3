import Core
import YAML

/// The schema of a dashboard file, documented in `docs/dashboards.md`.
enum DashboardSchema {
    static let dashboard = Schema.object(
        [
            .init(name: "title", schema: .text(1...80), isRequired: true),
            .init(name: "description", schema: .text(1...280)),
            .init(name: "order", schema: .integer(0...9999)),
            .init(name: "rooms", schema: .list(.roomFilter, count: 1...16, unique: true), isRequired: true),
            .init(name: "panels", schema: .list(panel, count: 1...48, unique: false), isRequired: true),
        ], rules: [])

    private static let anyNumber = Schema.number(-.greatestFiniteMagnitude ... .greatestFiniteMagnitude)

    /// The name of a device or metric. The gateway accepts no longer names in readings; see `docs/limits.md`.
    private static let name = Schema.text(1...128)

    private static let panel = Schema.object(
        [
            .init(
                name: "type", schema: .word(["chart", "value", "table", "gauge", "bar", "state-timeline"]),
                isRequired: true),
            .init(name: "title", schema: .text(1...80), isRequired: true),
            .init(name: "devices", schema: .list(name, count: 1...64, unique: true), isRequired: true),
            .init(name: "metrics", schema: .list(name, count: 1...16, unique: true), isRequired: true),
            .init(name: "unit", schema: .text(1...16)),
            .init(name: "units", schema: .dictionary(.text(1...16))),
            .init(name: "decimals", schema: .integer(0...6)),
            .init(name: "span", schema: .integer(1...12)),
            .init(name: "height", schema: .integer(80...2000)),
            .init(name: "stale_after_s", schema: .number(1...86_400)),
            .init(name: "window_s", schema: .number(10...86_400)),
            .init(name: "min", schema: anyNumber),
            .init(name: "max", schema: anyNumber),
            .init(name: "thresholds", schema: .list(threshold, count: 0...8, unique: false)),
            .init(name: "states", schema: .list(state, count: 0...16, unique: false)),
        ],
        rules: [
            unitsNameMetrics, elementsNameMetrics("thresholds"), elementsNameMetrics("states"), statesDiffer,
            onlyFor(["chart", "gauge", "bar"], "min"), onlyFor(["chart", "gauge", "bar"], "max"),
            onlyFor(["chart", "value", "state-timeline"], "window_s"),
            onlyFor(["value", "table", "state-timeline"], "states"), minBelowMax, needed(by: "gauge", "min"),
            needed(by: "gauge", "max"), needed(by: "state-timeline", "states"),
        ])

    private static let threshold = Schema.object(
        [
            .init(name: "above", schema: anyNumber),
            .init(name: "below", schema: anyNumber),
            .init(name: "level", schema: .word(["warning", "critical"])),
            .init(name: "metric", schema: name),
            .init(name: "label", schema: .text(1...40)),
        ], rules: [aboveOrBelow])

    private static let state = Schema.object(
        [
            .init(name: "value", schema: anyNumber, isRequired: true),
            .init(name: "text", schema: .text(1...24), isRequired: true),
            .init(name: "metric", schema: name),
        ], rules: [])
}

/// Rules between the keys of a panel, a threshold or a state.
extension DashboardSchema {
    private static let aboveOrBelow = Schema.Rule(keys: ["above", "below"]) { threshold, place in
        if (threshold["above"] == nil) == (threshold["below"] == nil) {
            place.fail("expected exactly one of above and below")
        }
    }

    private static let unitsNameMetrics = Schema.Rule(keys: ["units", "metrics"]) { panel, place in
        for unit in panel["units"]?.objectValue ?? [] {
            requireMetric(unit.name, of: panel, at: place["units"]?[unit.name])
        }
    }

    /// Requires the `metric` of each threshold or state to be one of the panel's metrics.
    private static func elementsNameMetrics(_ key: String) -> Schema.Rule {
        Schema.Rule(keys: [key, "metrics"]) { panel, place in
            for (index, element) in (panel[key]?.arrayValue ?? []).enumerated() {
                guard let name = element["metric"]?.stringValue else { continue }
                requireMetric(name, of: panel, at: place[key]?[index]?["metric"])
            }
        }
    }

    /// A rule that requires states to be unambiguous. A state without a metric applies to all metrics, so no other
    /// state may have its value.
    private static let statesDiffer = Schema.Rule(keys: ["states"]) { panel, place in
        let states = panel["states"]?.arrayValue ?? []
        for (index, state) in states.enumerated() {
            let isTaken = states[..<index].contains { other in
                let (metric, otherMetric) = (state["metric"], other["metric"])
                return state["value"] == other["value"]
                    && (metric == nil || otherMetric == nil || metric == otherMetric)
            }
            if isTaken { place["states"]?[index]?["value"]?.fail("duplicate value; it already has a text") }
        }
    }

    private static let minBelowMax = Schema.Rule(keys: ["min", "max"]) { panel, place in
        guard let low = panel["min"]?.numberValue, let high = panel["max"]?.numberValue, low >= high else { return }
        place["min"]?.fail("min must be less than max")
    }

    /// Restricts a key to panels of the given types.
    private static func onlyFor(_ types: [String], _ key: String) -> Schema.Rule {
        Schema.Rule(keys: ["type", key]) { panel, place in
            guard panel[key] != nil, let type = panel["type"]?.stringValue, !types.contains(type) else { return }
            place[key]?.fail("allowed only for panels of type \(types.joined(separator: ", "))")
        }
    }

    /// Requires a key of panels of a type that would be meaningless without it.
    private static func needed(by type: String, _ key: String) -> Schema.Rule {
        Schema.Rule(keys: ["type", key]) { panel, place in
            guard panel[key] == nil, panel["type"]?.stringValue == type else { return }
            place.fail("a panel of type \(type) needs \(key)")
        }
    }

    private static func requireMetric(_ name: String, of panel: JSONValue, at place: YAMLValue?) {
        let metrics = (panel["metrics"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !metrics.contains(name) {
            place?.fail("\"\(name)\" is not a metric of the panel; allowed: \(metrics.joined(separator: ", "))")
        }
    }
}
