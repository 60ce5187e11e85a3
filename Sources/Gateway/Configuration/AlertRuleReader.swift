import AlertRules
import Core
import Services
import Telemetry
import YAML

/// A reader of alert rules in YAML, as `docs/alerts.md` describes them.
enum AlertRuleReader {
    static let maxRules = 1000
    private static let maxDevices = 100
    private static let maxUsers = 100
    private static let maxRooms = 20
    private static let longest = Duration.seconds(31 * 86_400)
    private static let conditions = ["above", "below", "outside", "change", "no_data"]

    /// Reads a file that holds a list of rules, or a mapping with the single key `alerts`.
    static func rules(inFile path: String) throws(ConfigurationError) -> [LocatedAlertRule] {
        let document = try YAMLDocument(contentsOf: path)
        var list: YAMLValue?
        if let root = document.root, !root.isNull {
            list = root.isMapping ? root.mapping()?["alerts"] : root.with(key: "alerts")
        }
        let rules = list.map(rules) ?? []
        try document.finish()
        return rules
    }

    /// Returns the valid rules of a list. Reports the problems of the others.
    static func rules(in list: YAMLValue) -> [LocatedAlertRule] {
        (list.list(0...maxRules, of: "rules") ?? []).compactMap { element in
            rule(element).map {
                LocatedAlertRule(rule: $0, place: "\(list.document.path):\(element.line ?? 0)")
            }
        }
    }

    private static func rule(_ value: YAMLValue) -> AlertRule? {
        guard let fields = value.mapping("a mapping with \"name\", \"metric\" and a condition") else { return nil }
        let name = fields.required("name", ruleName)
        let title = fields.read("title", .text(bytes: 1...200))
        let metric = fields.required("metric", .text(bytes: 1...Metric.maximumNameByteCount))
        let devices = fields["devices"]?.names(upTo: maxDevices) ?? []
        let condition = condition(fields)
        let holdFor = fields.read("for", .duration(in: .zero...longest))
        let hysteresis = fields.read("hysteresis", .number(in: 0 ... .greatestFiniteMagnitude))
        let resolveAfter = fields.read("resolve_after", .duration(in: .zero...longest))
        let repeatInterval = fields.read("repeat", .duration(in: .seconds(1)...longest))
        let minInterval = fields.read("min_interval", .duration(in: .zero...longest))
        let severity = fields.read("severity", .choice(of: AlertRule.Severity.self))
        let recipients = recipients(fields["notify"])
        let template = fields["message"]?.parse("a text such as {device} is at {value}", AlertTemplate.init)
        guard let name, let metric, let condition, fields.isValid else { return nil }
        let rule = AlertRule(
            name: name, title: title, metric: metric.inNormalForm,
            devices: devices.isEmpty ? [.any] : devices.map(DevicePattern.init), condition: condition,
            holdFor: holdFor ?? .zero, hysteresis: hysteresis ?? 0, resolveAfter: resolveAfter ?? .zero,
            repeatInterval: repeatInterval, minInterval: minInterval, severity: severity ?? .warning,
            recipients: recipients, template: template ?? .standard)
        if let problem = rule.hysteresisProblem { fields.fail("hysteresis", problem) }
        if let repeatInterval, repeatInterval < rule.minInterval {
            fields.fail(
                "min_interval", "longer than \"repeat\"; allowed: at most \(DurationText.format(repeatInterval))")
        }
        return fields.isValid ? rule : nil
    }

    private static var ruleName: ValueFormat<String> {
        .text("1 to 64 letters, digits, -, _ and .") { name in
            (1...64).contains(name.utf8.count)
                && name.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "-_.".utf8.contains(byte)
                    }
                }
        }
    }

    private static func condition(_ fields: YAMLMapping) -> AlertCondition? {
        let given = conditions.filter { fields[$0] != nil }
        let (within, direction) = (fields["within"], fields["direction"])
        guard given.count == 1, let key = given.first else {
            fields.value.fail(
                "expected exactly one condition of \(conditions.joined(separator: ", "))"
                    + (given.isEmpty ? "" : "; found \(given.joined(separator: ", "))"))
            return nil
        }
        if key != "change" {
            for extra in [within, direction] { extra?.fail("allowed only with \"change\"") }
        }
        switch key {
        case "above": return fields.read(key, .number()).map(AlertCondition.above)
        case "below": return fields.read(key, .number()).map(AlertCondition.below)
        case "outside": return fields[key].flatMap(outside)
        case "change": return change(fields)
        case "no_data": return fields.read(key, .duration(in: .seconds(1)...longest)).map(AlertCondition.noData)
        default: preconditionFailure("no reader for the condition \(key)")
        }
    }

    private static func outside(_ value: YAMLValue) -> AlertCondition? {
        guard let low = value[0]?.match(.number()), let high = value[1]?.match(.number()), low <= high, value[2] == nil
        else {
            value.reject(allowed: "two numbers, the lower one first, such as [5, 30]")
            return nil
        }
        return .outside(low...high)
    }

    private static func change(_ fields: YAMLMapping) -> AlertCondition? {
        let amount = fields.read("change", .number(in: 0 ... .greatestFiniteMagnitude))
        if fields["within"] == nil { fields.value.fail("\"change\" requires \"within\", such as within: 10m") }
        let within = fields.read("within", .duration(in: .seconds(1)...longest))
        let direction = fields.read("direction", .choice(of: AlertCondition.Direction.self))
        guard let amount, let within else { return nil }
        return .change(by: amount, within: within, direction ?? .any)
    }

    private static func recipients(_ value: YAMLValue?) -> AlertRule.Recipients {
        guard let fields = value?.mapping("a mapping with \"users\" and \"rooms\"") else { return .init() }
        let users = (fields["users"]?.names(upTo: maxUsers) ?? []).compactMap { name in
            let user = UserID(name)
            if user == nil {
                let limit = UserID.maximumByteCount
                fields.fail("users", "\"\(name)\" is not a valid user; allowed: 1 to \(limit) bytes without /, + and #")
            }
            return user
        }
        let rooms = fields["rooms"]?.names(upTo: maxRooms) ?? []
        for room in rooms {
            guard let filter = try? TopicFilter(room), filter.isName, !UserID.isBelowInboxRoot(room),
                !room.hasPrefix("$")
            else {
                fields.fail("rooms", "\"\(room)\" is not a valid room; expected one such as chat/ops")
                continue
            }
        }
        return AlertRule.Recipients(users: unique(users), rooms: unique(rooms))
    }

    /// Removes duplicates, so that no user or room is notified twice.
    private static func unique<Name: Hashable>(_ names: [Name]) -> [Name] {
        var seen: Set<Name> = []
        return names.filter { seen.insert($0).inserted }
    }
}

/// An alert rule with its location, for errors that are found only when the rules of all files have been read.
struct LocatedAlertRule: Sendable {
    var rule: AlertRule
    /// The location, such as `windsock.yaml:12`.
    var place: String
}
