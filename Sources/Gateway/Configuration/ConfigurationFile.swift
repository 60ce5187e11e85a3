import Foundation
import Telemetry
import Yams

/// `windsock.yaml`, parsed once: scalars by key with their lines, the routes, and the rules of alerts.
package struct ConfigurationFile: Sendable {
    /// A scalar and where it stands.
    struct Scalar: Sendable {
        var text: String
        var line: Int
    }

    /// The path as it was given; appears in errors.
    let path: String
    private(set) var scalars: [String: Scalar] = [:]
    private(set) var routes: [TopicRoute]?
    private(set) var alertRules: [LocatedAlertRule] = []
    /// The line of the routes' key.
    private(set) var routesLine: Int?
    private var errors: [ConfigurationError] = []

    /// Reads the file; throws ``ConfigurationErrors`` that name every line that cannot be used.
    package init(path: String) throws(ConfigurationErrors) {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationErrors([
                ConfigurationError(origin: path, problem: "The file cannot be read as UTF-8 text.")
            ])
        }
        try self.init(path: path, yaml: text)
    }

    /// Parses YAML that is already there.
    package init(path: String, yaml: String) throws(ConfigurationErrors) {
        self.path = path
        if let root = try YAMLDocument.root(of: yaml, path: path), root.null == nil { read(root, under: []) }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    }

    /// `windsock.yaml:12: mqtt.url`
    func origin(of key: String) -> String {
        guard let line = key == "routes" ? routesLine : scalars[key]?.line else { return "\(path): \(key)" }
        return "\(path):\(line): \(key)"
    }

    /// Records that a node cannot be used; `key` is empty for the root.
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
            return fail(node, path.joined(separator: "."), "A mapping of settings is expected here.")
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
                fail(keyNode, key, "There is no such setting. Known here: \(known).")
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
            return fail(node, option.key, "This setting stands in line \(other.line) already.")
        }
        switch node {
        case .scalar(let scalar):
            scalars[option.key] = Scalar(text: node.null == nil ? scalar.string : "", line: line)
        case .sequence(let sequence) where option.isList && sequence.allSatisfy({ $0.scalar != nil }):
            let text = sequence.compactMap { $0.scalar?.string }.joined(separator: ",")
            scalars[option.key] = Scalar(text: text, line: line)
        default:
            fail(node, option.key, "A single value\(option.isList ? " or a list of them" : "") is expected here.")
        }
    }
}
