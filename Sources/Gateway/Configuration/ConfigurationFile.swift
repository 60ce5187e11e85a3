import Core
import Foundation
import Services
import Telemetry
import Yams

/// The parsed `windsock.yaml`: scalars by key with their lines, the routes, and the alert rules.
package struct ConfigurationFile: Sendable {
    /// A scalar value and its line.
    struct Scalar: Sendable {
        var text: String
        var line: Int
    }

    /// The path as given by the user; appears in errors.
    let path: String
    private(set) var scalars: [String: Scalar] = [:]
    private(set) var routes: [TopicRoute]?
    private(set) var alertRules: [LocatedAlertRule] = []
    /// The line of the key `routes`.
    private(set) var routesLine: Int?
    private var errors: [ConfigurationError] = []

    /// Reads and parses the file.
    ///
    /// - Throws: ``ConfigurationErrors`` naming every invalid line.
    package init(path: String) throws(ConfigurationErrors) {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationErrors([
                ConfigurationError(origin: path, problem: "the file cannot be read as UTF-8 text")
            ])
        }
        try self.init(path: path, yaml: text)
    }

    /// Parses YAML text; `path` appears in errors.
    package init(path: String, yaml: String) throws(ConfigurationErrors) {
        self.path = path
        if let root = try YAMLDocument.root(of: yaml, path: path), root.null == nil { read(root, under: []) }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    }

    /// Returns the location of a key, such as `windsock.yaml:12: mqtt.url`.
    func origin(of key: String) -> String {
        guard let line = key == "routes" ? routesLine : scalars[key]?.line else { return "\(path): \(key)" }
        return "\(path):\(line): \(key)"
    }

    /// Records a problem of a node; `key` is empty for the root.
    mutating func fail(_ node: Node, _ key: String, _ problem: String) {
        let line = node.mark.map { ":\($0.line)" } ?? ""
        errors.append(
            ConfigurationError(origin: "\(path)\(line)\(key.isEmpty ? "" : ": \(key)")", problem: problem))
    }

    private static let options = Dictionary(uniqueKeysWithValues: ConfigurationOption.all.map { ($0.key, $0) })
    private static let sections = Set(
        ConfigurationOption.all.compactMap { $0.key.split(separator: ".").dropLast().first })

    private mutating func read(_ node: Node, under path: [String]) {
        guard case .mapping(let mapping) = node else {
            return fail(node, path.joined(separator: "."), "expected a mapping of settings")
        }
        for (keyNode, value) in mapping {
            let name = keyNode.string ?? "?"
            let keys = path + [name]
            let key = keys.joined(separator: ".")
            if key == "routes" {
                routesLine = keyNode.mark?.line
                routes = value.null == nil ? readRoutes(value) : nil
            } else if key == "alerts" {
                var reader = AlertRuleReader(path: self.path)
                alertRules = value.null == nil ? reader.rules(in: value, "alerts") : []
                errors += reader.errors
            } else if let option = Self.options[key] {
                readScalar(value, option)
            } else if path.isEmpty, Self.sections.contains(Substring(name)) {
                if value.null == nil { read(value, under: keys) }
            } else {
                let known = Self.known(under: path).joined(separator: ", ")
                fail(keyNode, key, "unknown setting; allowed: \(known)")
            }
        }
    }

    private static func known(under path: [String]) -> [String] {
        let prefix = path.isEmpty ? "" : path.joined(separator: ".") + "."
        var names: [String] = path.isEmpty ? ["alerts", "routes"] : []
        for option in ConfigurationOption.all where option.key.hasPrefix(prefix) {
            let name = String(option.key.dropFirst(prefix.count).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names.sorted()
    }

    private mutating func readScalar(_ node: Node, _ option: ConfigurationOption) {
        let line = node.mark?.line ?? 0
        if let other = scalars[option.key] {
            return fail(node, option.key, "duplicate setting, first set in line \(other.line)")
        }
        switch node {
        case .scalar(let scalar):
            scalars[option.key] = Scalar(text: node.null == nil ? scalar.string : "", line: line)
        case .sequence(let sequence) where option.isList && sequence.allSatisfy({ $0.scalar != nil }):
            let text = sequence.compactMap { $0.scalar?.string }.joined(separator: ",")
            scalars[option.key] = Scalar(text: text, line: line)
        default:
            fail(node, option.key, "expected a single value\(option.isList ? " or a list of values" : "")")
        }
    }
}

extension ConfigurationFile {
    private static let routeKeys = [
        "topic", "convention", "room", "qos", "fahrenheit_to_celsius", "devices_in_payload",
    ]

    /// Returns the valid routes of a list; `nil` when the node is not a list. Records a problem for each invalid route.
    mutating func readRoutes(_ node: Node) -> [TopicRoute]? {
        guard case .sequence(let sequence) = node else {
            fail(node, "routes", "expected a list of routes")
            return nil
        }
        return sequence.enumerated().compactMap { index, element in readRoute(element, "routes[\(index)]") }
    }

    private mutating func readRoute(_ node: Node, _ name: String) -> TopicRoute? {
        guard case .mapping(let mapping) = node else {
            fail(node, name, "expected a mapping with \"topic\"")
            return nil
        }
        for (key, _) in mapping where !Self.routeKeys.contains(key.string ?? "") {
            fail(
                key, "\(name).\(key.string ?? "?")",
                "unknown key; allowed: \(Self.routeKeys.joined(separator: ", "))")
        }
        if mapping["topic"] == nil {
            fail(node, name, "required key \"topic\" is missing; expected a topic such as sensors/{device}/{metric}")
        }
        let topic = value(mapping["topic"], "\(name).topic", "a topic such as sensors/{device}/{metric}", \.string)
        let conventions = PayloadConvention.allCases.map(\.rawValue).joined(separator: ", ")
        let convention = value(mapping["convention"], "\(name).convention", "one of \(conventions)") {
            $0.string.flatMap(PayloadConvention.init(rawValue:))
        }
        let room = value(mapping["room"], "\(name).room", "a room such as sensors/{device}", \.string)
        let qos = value(mapping["qos"], "\(name).qos", "0 or 1", \.int)
        let converts = value(
            mapping["fahrenheit_to_celsius"], "\(name).fahrenheit_to_celsius", "true or false", \.bool)
        let devices = value(mapping["devices_in_payload"], "\(name).devices_in_payload", "true or false", \.bool)
        guard case .some(.some(let pattern)) = topic, let convention, let room, let qos, let converts, let devices
        else {
            return nil
        }
        do throws(TopicError) {
            return try TopicRoute(
                pattern: pattern, convention: convention ?? .auto,
                room: room?.inNormalForm ?? RoomTemplate.standard.description,
                qos: qos ?? 1, convertsFahrenheit: converts ?? false,
                allowsForeignDevices: devices ?? false)
        } catch {
            let key =
                switch error.problem {
                case .badRoom: "room"
                case .badQoS: "qos"
                default: "topic"
                }
            fail(mapping[Node(key)] ?? node, "\(name).\(key)", "\(error)")
            return nil
        }
    }

    /// Reads the value of an optional key.
    ///
    /// - Returns: `.some(nil)` when the key is missing; `.none` after recording a problem when the value is invalid.
    private mutating func value<Value>(
        _ node: Node?, _ key: String, _ expected: String, _ read: (Node) -> Value?
    ) -> Value?? {
        guard let node else { return .some(nil) }
        if let value = read(node) { return .some(value) }
        fail(node, key, "expected \(expected)")
        return .none
    }
}

/// A YAML parser for readers that validate the nodes themselves.
enum YAMLDocument {
    /// Parses YAML text and returns its root node; `nil` for a text without content.
    ///
    /// - Throws: ``ConfigurationErrors`` with file and line. They omit Yams' own descriptions, which quote the text: a
    ///   configuration may hold secrets.
    static func root(of yaml: String, path: String) throws(ConfigurationErrors) -> Node? {
        do {
            return try Yams.compose(yaml: yaml)
        } catch {
            let (line, problem) = describe(error as? YamlError)
            let origin = line.map { "\(path):\($0)" } ?? path
            throw ConfigurationErrors([ConfigurationError(origin: origin, problem: problem)])
        }
    }

    private static func describe(_ error: YamlError?) -> (line: Int?, problem: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            (mark.line, "the file is not valid YAML: \(context.map { "\(problem) \($0.text)" } ?? problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            (context.mark.line, "duplicate key \(keys.joined(separator: ", "))")
        case .reader(let problem, _, _, _): (nil, "the file is not valid YAML: \(problem)")
        default: (nil, "the file is not valid YAML")
        }
    }
}
