import AlertRules
import Core
import Services
import Telemetry
import Yams

/// A reader of alert rules in YAML that records an error with its line for every invalid value.
struct AlertRuleReader {
    static let maxRules = 1000
    private static let maxDevices = 100
    private static let maxUsers = 100
    private static let maxRooms = 20
    private static let maxTitleBytes = 200
    private static let maxNameBytes = 256
    private static let longest = Duration.seconds(31 * 86_400)
    private static let keys = [
        "name", "title", "metric", "devices", "for", "hysteresis", "resolve_after", "repeat", "min_interval",
        "severity",
        "notify", "message",
    ]
    private static let conditionKeys = ["above", "below", "outside", "change", "no_data"]
    private static let changeKeys = ["within", "direction"]

    /// The path as given by the user; appears in errors.
    let path: String
    private(set) var errors: [ConfigurationError] = []

    init(path: String) {
        self.path = path
    }

    /// Returns the valid rules of a list. Records errors for the invalid ones.
    mutating func rules(in node: Node, _ name: String) -> [LocatedAlertRule] {
        guard case .sequence(let sequence) = node else {
            fail(node, name, "expected a list of rules")
            return []
        }
        guard sequence.count <= Self.maxRules else {
            fail(node, name, "too many rules (\(sequence.count)); allowed: at most \(Self.maxRules)")
            return []
        }
        return sequence.enumerated().compactMap { index, element in
            rule(element, "\(name)[\(index)]").map {
                LocatedAlertRule(rule: $0, place: "\(path):\(element.mark?.line ?? 0)")
            }
        }
    }

    /// Records an error for a node.
    mutating func fail(_ node: Node, _ key: String, _ problem: String) {
        let line = node.mark.map { ":\($0.line)" } ?? ""
        errors.append(ConfigurationError(origin: "\(path)\(line): \(key)", problem: problem))
    }

    private mutating func rule(_ node: Node, _ place: String) -> AlertRule? {
        guard case .mapping(let mapping) = node else {
            fail(node, place, "expected a mapping with \"name\", \"metric\" and a condition")
            return nil
        }
        let before = errors.count
        let known = Self.keys + Self.conditionKeys + Self.changeKeys
        for (key, _) in mapping where !known.contains(key.string ?? "") {
            fail(
                key, "\(place).\(key.string ?? "?")",
                "unknown key; allowed: \(known.joined(separator: ", "))")
        }
        let name = text(mapping, "name", place, upTo: 64) { name in
            !name.isEmpty
                && name.unicodeScalars.allSatisfy { "-_.".unicodeScalars.contains($0) || $0.isASCIIAlphanumeric }
        }
        let title = text(mapping, "title", place, upTo: Self.maxTitleBytes, isRequired: false)
        let metric = text(mapping, "metric", place, upTo: Metric.maximumNameByteCount)?.inNormalForm
        let condition = condition(mapping, node, place)
        let rule = AlertRule(
            name: name ?? "", title: title, metric: metric ?? "",
            devices: texts(mapping["devices"], "\(place).devices", upTo: Self.maxDevices)?.map(DevicePattern.init)
                ?? [.any],
            condition: condition ?? .above(0),
            holdFor: duration(mapping, "for", place) ?? .zero,
            hysteresis: number(mapping, "hysteresis", place, in: 0...) ?? 0,
            resolveAfter: duration(mapping, "resolve_after", place) ?? .zero,
            repeatInterval: duration(mapping, "repeat", place, atLeast: .seconds(1)),
            minInterval: duration(mapping, "min_interval", place),
            severity: severity(mapping["severity"], "\(place).severity"),
            recipients: recipients(mapping["notify"], "\(place).notify"),
            template: template(mapping["message"], "\(place).message"))
        if let hysteresis = mapping["hysteresis"], let problem = rule.hysteresisProblem {
            fail(hysteresis, "\(place).hysteresis", problem)
        }
        if let interval = mapping["min_interval"], let repeated = rule.repeatInterval, repeated < rule.minInterval {
            fail(
                interval, "\(place).min_interval",
                "longer than \"repeat\"; allowed: at most \(DurationText.format(repeated))")
        }
        return errors.count == before ? rule : nil
    }

    // MARK: Parts

    private mutating func condition(_ mapping: Node.Mapping, _ node: Node, _ place: String) -> AlertCondition? {
        let given = Self.conditionKeys.filter { mapping[$0] != nil }
        guard given.count == 1, let key = given.first else {
            fail(
                node, place,
                "expected exactly one condition of \(Self.conditionKeys.joined(separator: ", "))"
                    + (given.isEmpty ? "" : "; found \(given.joined(separator: ", "))"))
            return nil
        }
        if key != "change" {
            for other in Self.changeKeys {
                if let extra = mapping[other] { fail(extra, "\(place).\(other)", "allowed only with \"change\"") }
            }
        }
        switch key {
        case "above": return number(mapping, key, place).map(AlertCondition.above)
        case "below": return number(mapping, key, place).map(AlertCondition.below)
        case "outside": return mapping[key].flatMap { outside($0, "\(place).outside") }
        case "change": return change(mapping, node, place)
        default: return duration(mapping, key, place, atLeast: .seconds(1)).map(AlertCondition.noData)
        }
    }

    private mutating func outside(_ node: Node, _ key: String) -> AlertCondition? {
        let bounds = node.sequence.map { $0.compactMap(\.float) } ?? []
        guard bounds.count == 2, node.sequence?.count == 2, bounds.allSatisfy(\.isFinite), bounds[0] <= bounds[1] else {
            fail(node, key, "expected two numbers, the lower one first, such as [5, 30]")
            return nil
        }
        return .outside(bounds[0]...bounds[1])
    }

    private mutating func change(_ mapping: Node.Mapping, _ node: Node, _ place: String) -> AlertCondition? {
        let amount = number(mapping, "change", place, in: 0...)
        if mapping["within"] == nil { fail(node, place, "\"change\" requires \"within\", such as within: 10m") }
        let within = duration(mapping, "within", place, atLeast: .seconds(1))
        var direction = AlertCondition.Direction.any
        if let node = mapping["direction"] {
            guard let given = node.string.flatMap(AlertCondition.Direction.init(rawValue:)) else {
                fail(node, "\(place).direction", "expected one of any, rise, fall")
                return nil
            }
            direction = given
        }
        guard let amount, let within else { return nil }
        return .change(by: amount, within: within, direction)
    }

    private mutating func severity(_ node: Node?, _ key: String) -> AlertRule.Severity {
        guard let node else { return .warning }
        if let severity = node.string.flatMap(AlertRule.Severity.init(rawValue:)) { return severity }
        fail(node, key, "expected one of info, warning, critical")
        return .warning
    }

    private mutating func recipients(_ node: Node?, _ key: String) -> AlertRule.Recipients {
        guard let node else { return AlertRule.Recipients() }
        guard case .mapping(let mapping) = node else {
            fail(node, key, "expected a mapping with \"users\" and \"rooms\"")
            return AlertRule.Recipients()
        }
        for (name, _) in mapping where !["users", "rooms"].contains(name.string ?? "") {
            fail(name, "\(key).\(name.string ?? "?")", "unknown key; allowed: rooms, users")
        }
        let rooms = texts(mapping["rooms"], "\(key).rooms", upTo: Self.maxRooms) ?? []
        for room in rooms {
            guard let filter = try? TopicFilter(room), filter.isName, !room.hasPrefix("users/"), !room.hasPrefix("$")
            else {
                fail(
                    mapping["rooms"] ?? node, "\(key).rooms",
                    "\"\(room)\" is not a valid room; expected one such as chat/ops")
                continue
            }
        }
        return AlertRule.Recipients(
            users: unique(texts(mapping["users"], "\(key).users", upTo: Self.maxUsers) ?? []).map(
                UserID.init(unchecked:)),
            rooms: unique(rooms))
    }

    private mutating func template(_ node: Node?, _ key: String) -> AlertTemplate {
        guard let node else { return .standard }
        do throws(AlertTemplate.Mistake) {
            return try AlertTemplate(node.string ?? "")
        } catch {
            fail(node, key, error.description)
            return .standard
        }
    }

    /// Removes duplicates, so that no user or room is notified twice.
    private func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    // MARK: Values

    private mutating func text(
        _ mapping: Node.Mapping, _ name: String, _ place: String, upTo maxBytes: Int, isRequired: Bool = true,
        where isAllowed: (String) -> Bool = { !$0.isEmpty }
    ) -> String? {
        guard let node = mapping[name] else {
            if isRequired { fail(.mapping(mapping), place, "required key \"\(name)\" is missing") }
            return nil
        }
        guard let text = node.string, text.utf8.count <= maxBytes, isAllowed(text) else {
            let letters = name == "name" ? " with only letters, digits, -, _ and ." : ""
            fail(node, "\(place).\(name)", "expected a string of 1 to \(maxBytes) bytes\(letters)")
            return nil
        }
        return text
    }

    /// Reads a single text or a list of texts.
    private mutating func texts(_ node: Node?, _ key: String, upTo limit: Int) -> [String]? {
        guard let node else { return nil }
        let found = node.sequence.map { $0.map(\.string) } ?? [node.string]
        let texts = found.compactMap { $0 }.filter { (1...Self.maxNameBytes).contains($0.utf8.count) }
        guard texts.count == found.count, (1...limit).contains(texts.count) else {
            fail(node, key, "expected 1 to \(limit) strings of 1 to \(Self.maxNameBytes) bytes")
            return nil
        }
        return texts.map(\.inNormalForm)
    }

    private mutating func number(
        _ mapping: Node.Mapping, _ name: String, _ place: String, in range: PartialRangeFrom<Double>? = nil
    ) -> Double? {
        guard let node = mapping[name] else { return nil }
        guard let value = node.float, value.isFinite, range?.contains(value) != false else {
            fail(node, "\(place).\(name)", "expected a number\(range == nil ? "" : " of at least 0")")
            return nil
        }
        return value
    }

    private mutating func duration(
        _ mapping: Node.Mapping, _ name: String, _ place: String, atLeast shortest: Duration = .zero
    ) -> Duration? {
        guard let node = mapping[name] else { return nil }
        guard let duration = node.string.flatMap(DurationText.parse), (shortest...Self.longest).contains(duration)
        else {
            fail(
                node, "\(place).\(name)",
                "expected a duration from \(DurationText.format(shortest)) to 31d, such as 10s or 5m")
            return nil
        }
        return duration
    }
}

/// An alert rule with its location, for errors that are found only when the rules of all files have been read.
struct LocatedAlertRule: Sendable {
    var rule: AlertRule
    /// The location, such as `windsock.yaml:12`.
    var place: String
}

extension Unicode.Scalar {
    fileprivate var isASCIIAlphanumeric: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }
}
