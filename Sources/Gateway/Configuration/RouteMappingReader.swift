import Core
import Telemetry
import YAML

/// A reader of the mapping in a route, as `docs/configuration.md` describes it, and its writer for `--print-config`.
enum RouteMappingReader {
    private static var metricName: ValueFormat<String> { .text(bytes: 1...Metric.maximumNameByteCount) }
    private static var unit: ValueFormat<String> { .text(bytes: 1...MetricChange.maximumUnitByteCount) }
    private static var factor: ValueFormat<Double> {
        ValueFormat("a number other than 0", isUnquoted: true) { text in
            ValueFormat.number().parse(text).flatMap { $0 == 0 ? nil : $0 }
        }
    }

    /// Returns the mapping in a route's keys; `nil` if there is none, or if it has problems, which are reported.
    static func mapping(_ route: YAMLMapping) -> PayloadMapping? {
        let paths = paths(route["paths"])
        let metrics = metrics(route["metrics"])
        let renames = renames(route["rename"])
        let drops = route["drop"]?.names(upTo: MetricRules.maximumCount) ?? []
        let states = route["states"].flatMap(states)
        let mapping = PayloadMapping(paths: paths, metrics: metrics, renames: renames, drops: drops, states: states)
        if mapping == PayloadMapping() { return nil }
        check(mapping, route)
        return mapping
    }

    private static func paths(_ value: YAMLValue?) -> PayloadMapping.Paths {
        var paths = PayloadMapping.Paths()
        guard let fields = value?.mapping("a mapping of paths, such as {device: id, time: ts}") else { return paths }
        func path(_ key: String) -> PayloadPath? { fields[key].flatMap(Self.path) }
        paths.each = path("each")
        paths.device = path("device")
        paths.time = path("time")
        paths.metric = path("metric")
        paths.value = path("value")
        paths.unit = path("unit")
        paths.values = path("values")
        if paths.value != nil {
            if paths.values != nil { fields.fail("values", "allowed only without \"value\"") }
        } else {
            for key in ["metric", "unit"] where fields[key] != nil {
                fields.fail(key, "allowed only with \"value\", the path of a value with that \(key)")
            }
        }
        if paths.each != nil, paths.values?.isFromRoot == true {
            fields.fail("values", "begins with $; with \"each\", allowed: a path that begins at the sample")
        }
        return paths
    }

    private static func path(_ value: YAMLValue) -> PayloadPath? {
        value.parse(PayloadPath.allowed, PayloadPath.init)
    }

    private static func metrics(_ value: YAMLValue?) -> [MappedMetric] {
        guard let value else { return [] }
        if value.isList {
            return (value.list(1...MetricRules.maximumCount, of: "paths") ?? []).compactMap { element in
                guard let path = path(element), let name = element.read(metricName) else { return nil }
                return MappedMetric(name.inNormalForm, at: path)
            }
        }
        let entries = value.mapping("a list of paths, or a mapping of metrics and their paths")?.entries ?? []
        check(entries.count, of: "metrics", value)
        return entries.prefix(MetricRules.maximumCount).compactMap { entry in
            guard entry.key.read(metricName) != nil else { return nil }
            let name = entry.name.inNormalForm
            guard entry.value.isMapping else {
                return path(entry.value).map { MappedMetric(name, at: $0) }
            }
            guard let fields = entry.value.mapping() else { return nil }
            let change = MetricChange(
                unit: fields.read("unit", unit), scale: fields.read("scale", factor) ?? 1,
                offset: fields.read("offset", .number()) ?? 0, states: fields["states"].flatMap(states))
            return MappedMetric(name, at: fields["path"].flatMap(path), change: change)
        }
    }

    private static func renames(_ value: YAMLValue?) -> [MetricRename] {
        guard let value else { return [] }
        let entries = value.mapping("a mapping of names, such as {temp: temperature}")?.entries ?? []
        check(entries.count, of: "names", value)
        return entries.prefix(MetricRules.maximumCount).compactMap { entry in
            guard entry.key.read(metricName) != nil, let name = entry.value.read(metricName) else { return nil }
            return MetricRename(entry.name, to: name.inNormalForm)
        }
    }

    /// Reads the numbers of states: a mapping, or a list whose states are counted from 0.
    private static func states(_ value: YAMLValue) -> MetricStates? {
        let text = ValueFormat.text(bytes: 1...MetricStates.maximumByteCount)
        if value.isList {
            let states = value.list(1...MetricStates.maximumCount, of: "states")?.compactMap { $0.read(text) }
            return states.map { MetricStates($0.enumerated().map { .init($1, Double($0)) }) }
        }
        let entries = value.mapping("a mapping such as {open: 1, closed: 0}, or a list of states")?.entries ?? []
        check(entries.count, of: "states", value)
        return MetricStates(
            entries.prefix(MetricStates.maximumCount).compactMap { entry in
                guard entry.key.read(text) != nil else { return nil }
                return entry.value.read(.number()).map { .init(entry.name, $0) }
            })
    }

    private static func check(_ count: Int, of elements: String, _ value: YAMLValue) {
        let limit = MetricRules.maximumCount
        if count > limit { value.fail("too many \(elements) (\(count)); allowed: at most \(limit)") }
    }

    /// Reports keys of a route that contradict each other.
    private static func check(_ mapping: PayloadMapping, _ route: YAMLMapping) {
        if mapping.listsAllMetrics {
            for metric in mapping.metrics where metric.path == nil {
                route["metrics"]?[metric.name]?.fail(
                    "required key \"path\" is missing, because the route reads only the metrics that have one; it reads "
                        + "all others too with paths: {values: $}")
            }
            for key in ["rename", "drop"] {
                route[key]?.fail(
                    "no effect, because the route reads only the paths in \"metrics\"; allowed with "
                        + "paths: {values: $}")
            }
        }
        guard mapping.readsPaths else { return }
        if let convention = route["convention"]?.text, !["auto", "json"].contains(convention) {
            route.fail("convention", "\(convention) does not allow paths; allowed: auto, json")
        }
        let readsDevice =
            mapping.paths.device != nil || route["topic"]?.text?.contains("{device}") == true
            || !mapping.listsAllMetrics && mapping.paths.value == nil
        if !readsDevice {
            route.fail("paths", "nothing names the device; capture {device} in \"topic\", or set paths: {device: PATH}")
        }
    }
}

extension PayloadMapping {
    /// The keys of a route that describe this mapping, each with its value as JSON, which is valid YAML.
    var keys: [(name: String, value: JSONValue)] {
        var keys: [(String, JSONValue)] = []
        func add(_ name: String, _ members: [JSONMember]) {
            if !members.isEmpty { keys.append((name, .object(members))) }
        }
        add("paths", paths.entries.map { JSONMember(name: $0.key, value: .string($0.path.description)) })
        add("metrics", metrics.map { JSONMember(name: $0.name, value: .object($0.members)) })
        add("rename", renames.map { JSONMember(name: $0.original, value: .string($0.name)) })
        if !drops.isEmpty { keys.append(("drop", .array(drops.map(JSONValue.string)))) }
        if let states { add("states", states.members) }
        return keys
    }
}

extension MappedMetric {
    fileprivate var members: [JSONMember] {
        var members: [JSONMember] = []
        if let path { members.append(JSONMember(name: "path", value: .string(path.description))) }
        if let unit = change.unit { members.append(JSONMember(name: "unit", value: .string(unit))) }
        if change.scale != 1 { members.append(JSONMember(name: "scale", value: .number(change.scale))) }
        if change.offset != 0 { members.append(JSONMember(name: "offset", value: .number(change.offset))) }
        if let states = change.states {
            members.append(JSONMember(name: "states", value: .object(states.members)))
        }
        return members
    }
}

extension MetricStates {
    fileprivate var members: [JSONMember] {
        pairs.map { JSONMember(name: $0.text, value: .number($0.value)) }
    }
}
