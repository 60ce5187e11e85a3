import Telemetry

/// The format of a dashboard's file, as `docs/dashboards.md` documents it.
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
    private static let name = Schema.text(1...128)

    private static let panel = Schema.object(
        [
            .init(name: "type", schema: .word(["chart", "value", "table"]), isRequired: true),
            .init(name: "title", schema: .text(1...80), isRequired: true),
            .init(name: "devices", schema: .list(name, count: 1...64, unique: true), isRequired: true),
            .init(name: "metrics", schema: .list(name, count: 1...16, unique: true), isRequired: true),
            .init(name: "unit", schema: .text(1...16)),
            .init(name: "units", schema: .dictionary(.text(1...16))),
            .init(name: "decimals", schema: .integer(0...6)),
            .init(name: "span", schema: .integer(1...12)),
            .init(name: "stale_after_s", schema: .number(1...86_400)),
            .init(name: "window_s", schema: .number(10...86_400)),
            .init(name: "min", schema: anyNumber),
            .init(name: "max", schema: anyNumber),
            .init(name: "thresholds", schema: .list(threshold, count: 0...8, unique: false)),
            .init(name: "states", schema: .list(state, count: 0...16, unique: false)),
        ],
        rules: [unitsNameMetrics, thresholdsNameMetrics, statesNameMetrics, statesDiffer, keysFitType, minBelowMax])

    private static let threshold = Schema.object(
        [
            .init(name: "above", schema: anyNumber),
            .init(name: "below", schema: anyNumber),
            .init(name: "level", schema: .word(["warning", "critical"])),
            .init(name: "metric", schema: name),
            .init(name: "label", schema: .text(1...40)),
        ],
        rules: [
            { object in
                guard (object["above"] == nil) == (object["below"] == nil) else { return nil }
                return ("above", "Exactly one of above and below is needed.")
            }
        ])

    private static let state = Schema.object(
        [
            .init(name: "value", schema: anyNumber, isRequired: true),
            .init(name: "text", schema: .text(1...24), isRequired: true),
            .init(name: "metric", schema: name),
        ], rules: [])

    // MARK: Rules between a panel's keys

    private static let unitsNameMetrics: Schema.Rule = { panel in
        let unknown = (panel["units"]?.objectValue ?? []).map(\.name).filter { !metrics(of: panel).contains($0) }
        return unknown.isEmpty ? nil : ("units", "\(unknown.joined(separator: ", ")) is not in metrics.")
    }

    private static let thresholdsNameMetrics: Schema.Rule = { unknownMetrics(in: $0, "thresholds") }

    private static let statesNameMetrics: Schema.Rule = { unknownMetrics(in: $0, "states") }

    private static let statesDiffer: Schema.Rule = { panel in
        var seen: [(String?, Double?)] = []
        for state in panel["states"]?.arrayValue ?? [] {
            let pair = (state["metric"]?.stringValue, state["value"]?.numberValue)
            if seen.contains(where: { $0 == pair }) { return ("states", "A value has two texts.") }
            seen.append(pair)
        }
        return nil
    }

    private static let keysFitType: Schema.Rule = { panel in
        let type = panel["type"]?.stringValue ?? ""
        let allowed = [
            "min": ["chart"], "max": ["chart"], "window_s": ["chart", "value"], "states": ["value", "table"],
        ]
        for (key, types) in allowed.sorted(by: { $0.key < $1.key }) where panel[key] != nil && !types.contains(type) {
            return (key, "This key is for panels of type \(types.joined(separator: " and ")) only.")
        }
        return nil
    }

    private static let minBelowMax: Schema.Rule = { panel in
        guard let low = panel["min"]?.numberValue, let high = panel["max"]?.numberValue, low >= high else { return nil }
        return ("min", "min must be less than max.")
    }

    private static func unknownMetrics(in panel: JSONValue, _ key: String) -> (String, String)? {
        let named = (panel[key]?.arrayValue ?? []).compactMap { $0["metric"]?.stringValue }
        guard let unknown = named.first(where: { !metrics(of: panel).contains($0) }) else { return nil }
        return (key, "\"\(unknown)\" is not in metrics.")
    }

    private static func metrics(of panel: JSONValue) -> [String] {
        (panel["metrics"]?.arrayValue ?? []).compactMap(\.stringValue)
    }
}
