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

    /// No name of a device or metric is longer; see `docs/limits.md`.
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
        rules: [
            unitsNameMetrics, elementsNameMetrics("thresholds"), elementsNameMetrics("states"), statesDiffer,
            onlyFor(["chart"], "min"), onlyFor(["chart"], "max"), onlyFor(["chart", "value"], "window_s"),
            onlyFor(["value", "table"], "states"), minBelowMax,
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
