package import Core

/// A route's description of its payloads: where devices, metrics, values and times are, and how metrics change.
///
///     paths: {each: readings, device: id, time: ts}
///     metrics: {temperature: data.temp, battery: {path: data.mv, scale: 0.001, unit: V}}
///     rename: {hum: humidity}
///     drop: [debug]
///     states: {open: 1, closed: 0}
///
/// It has two parts. ``rules`` change the metrics of any convention. Paths find the values, which only JSON payloads
/// allow; ``MappedDecoder`` follows them.
package struct PayloadMapping: Hashable, Sendable {
    /// The paths of a route; see ``PayloadPath``.
    package struct Paths: Hashable, Sendable {
        /// An array of samples. Each is a reading of its own, and the beginning of all paths without `$`.
        package var each: PayloadPath?
        package var device: PayloadPath?
        package var time: PayloadPath?
        /// The name of the metric at ``value``.
        package var metric: PayloadPath?
        /// A single value.
        package var value: PayloadPath?
        /// The unit of the value at ``value``.
        package var unit: PayloadPath?
        /// An object whose numbers are all metrics.
        package var values: PayloadPath?

        package init() {}

        /// The paths that are set, with their keys in the configuration.
        package var entries: [(key: String, path: PayloadPath)] {
            [
                ("each", each), ("device", device), ("time", time), ("metric", metric), ("value", value),
                ("unit", unit), ("values", values),
            ].compactMap { key, path in path.map { (key, $0) } }
        }
    }

    package let paths: Paths
    /// The metrics that have an entry of their own, in the order of the configuration.
    package let metrics: [MappedMetric]
    package let renames: [MetricRename]
    package let drops: [String]
    package let states: MetricStates?

    /// The changes to metrics that do not depend on paths.
    let rules: MetricRules?
    /// The decoder that follows the paths; `nil` if there are none.
    let decoder: MappedDecoder?

    package init(
        paths: Paths = Paths(), metrics: [MappedMetric] = [], renames: [MetricRename] = [], drops: [String] = [],
        states: MetricStates? = nil
    ) {
        self.paths = paths
        self.metrics = metrics
        self.renames = renames
        self.drops = drops
        self.states = states
        rules = MetricRules(changes: metrics, renames: renames, drops: drops, states: states)
        decoder =
            paths == Paths() && metrics.allSatisfy { $0.path == nil }
            ? nil : MappedDecoder(paths: paths, metrics: metrics.filter { $0.path != nil }, states: states)
    }

    /// True when the route needs JSON payloads.
    package var readsPaths: Bool { decoder != nil }

    /// True when the route reads only the metrics that have paths of their own.
    package var listsAllMetrics: Bool {
        paths.value == nil && paths.values == nil && metrics.contains { $0.path != nil }
    }
}

/// A metric with an entry of its own in a route.
package struct MappedMetric: Hashable, Sendable {
    package var name: String
    /// The path of the value; `nil` for a metric that something else reads.
    package var path: PayloadPath?
    package var change: MetricChange

    package init(_ name: String, at path: PayloadPath? = nil, change: MetricChange = MetricChange()) {
        self.name = name
        self.path = path
        self.change = change
    }
}
