package import Core

/// A route for the topics of a pattern, proven by decoding the latest message of the pattern with it.
///
/// The levels of device and metric are found as follows:
///
/// - Topics of a known convention: where the convention puts them.
/// - A single value: the metric is the last level that names something, the device the last `+` before it, or else the
///   level before it.
/// - JSON: the device is the last `+`, or else the last level that names something.
///
/// Levels such as `state`, `data`, `up` and `rpc` name nothing. Other levels stay as they are.
package struct RouteSuggestion: Sendable {
    package let route: TopicRoute
    /// The readings that the route makes of the pattern's latest message.
    package let readings: [Reading]

    /// Last levels of commands and descriptions, which carry no readings.
    private static let commands: Set<ExactString> = ["set", "get", "config", "command", "cmd"]
    /// Levels that name neither a device nor a metric.
    private static let fillers: Set<ExactString> = [
        "state", "status", "value", "data", "telemetry", "json", "sensor", "sensors", "measurement", "measurements",
        "event", "events", "up", "uplink", "rpc", "info", "attributes", "current", "SENSOR", "STATE", "ENERGY",
        "RESULT",
        "INFO", "STATUS",
    ]

    /// Suggests a route.
    ///
    /// - Throws: ``DecodeError`` with the reason that no route makes a reading of the latest message.
    package init(for pattern: TopicPattern, at now: Timestamp, limits: DecodingLimits) throws(DecodeError) {
        let sample = pattern.sample
        guard let route = Self.route(for: pattern) else { throw .notAReading(topic: sample.name) }
        var decoder = TelemetryDecoder(routes: [route], statusRoutes: [], limits: limits)
        self.route = route
        readings = try decoder.decode(
            topic: sample.name, payload: sample.payload, receivedAt: now, isRetained: sample.isRetained)
    }

    /// The route as an element of `routes:` in the configuration.
    package var yaml: String {
        // A JSON string is also a YAML string.
        var bytes: [UInt8] = []
        JSONWriter.append(route.pattern, to: &bytes)
        return "- topic: \(String(decoding: bytes, as: UTF8.self))"
    }

    /// A caveat of the route; `nil` if there is none.
    package var note: String? {
        guard route.filter.levels.count(where: { $0 == "+" }) > route.captureNames.count else { return nil }
        return "devices with the same name in different places become one device"
    }

    /// Returns the route with the most likely captures; `nil` for commands and for levels that no route can have.
    package static func route(for pattern: TopicPattern) -> TopicRoute? {
        var levels = pattern.levels
        guard let last = levels.last, !commands.contains(ExactString(last)), levels[0] != "cmnd" else { return nil }
        let kind = PayloadKind(of: pattern.sample.payload, isWhole: pattern.sample.isWhole)
        let captures: (device: Int?, metric: Int?) =
            switch AutoDecoder.convention(ofTopic: pattern.sample.name) {
            case .zigbee2mqtt: (1, nil)
            case .tasmota: (levels.count - 2, nil)
            case .esphome: (levels.count - 4, levels.count - 2)
            case .thingsboard: (nil, nil)
            default: kind == .value ? Self.captures(ofValue: levels) : (Self.device(in: levels[...]), nil)
            }
        if let device = captures.device, levels.indices.contains(device) { levels[device] = "{device}" }
        if let metric = captures.metric, levels.indices.contains(metric) { levels[metric] = "{metric}" }
        return try? TopicRoute(pattern: levels.joined(separator: "/"))
    }

    private static func captures(ofValue levels: [String]) -> (device: Int?, metric: Int?) {
        guard levels.count > 1 else { return (0, nil) }
        guard let metric = levels.lastIndex(where: isName), metric > 0 else { return (device(in: levels[...]), nil) }
        return (device(in: levels[..<metric]), metric)
    }

    private static func device(in levels: ArraySlice<String>) -> Int? {
        levels.lastIndex(of: "+") ?? levels.lastIndex(where: isName) ?? levels.indices.last
    }

    private static func isName(_ level: String) -> Bool {
        !level.isEmpty && !fillers.contains(ExactString(level)) && !level.utf8.contains(UInt8(ascii: ":"))
    }
}

extension TopicRoute {
    /// A topic of this route to publish a first reading to, with `{device}` and perhaps `{metric}` to fill in:
    /// `sensors/{device}/{metric}`. It is `nil` if the topic has other variable levels, if the route's convention
    /// accepts neither a number nor a JSON object, or if the route reads certain paths of the payload.
    package var firstTopic: String? {
        guard [.auto, .bare, .json].contains(convention), captureNames.contains("device"), mapping?.readsPaths != true
        else { return nil }
        var names: [String] = []
        for level in levels {
            switch level {
            case .text(let text): names.append(text)
            case .capture(let name) where name == "device" || name == "metric": names.append("{\(name)}")
            case .capture, .any, .rest: return nil
            }
        }
        return convention == .bare && !names.contains("{metric}") ? nil : names.joined(separator: "/")
    }
}
