import Foundation
import Telemetry
import Yams

/// `windsock.yaml`, parsed once: scalars by key with their lines, and the routes.
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
    private var errors: [ConfigurationError] = []

    /// Reads the file; throws ``ConfigurationErrors`` that name every line that cannot be used.
    package init(path: String) throws(ConfigurationErrors) {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file cannot be read.")])
        }
        try self.init(path: path, yaml: text)
    }

    /// Parses YAML that is already there.
    package init(path: String, yaml: String) throws(ConfigurationErrors) {
        self.path = path
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "This is not YAML: \(error)")])
        }
        if let root, root.null == nil { read(root, under: []) }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    }

    /// `windsock.yaml:12: mqtt.url`
    func origin(of key: String) -> String {
        guard let line = scalars[key]?.line else { return "\(path): \(key)" }
        return "\(path):\(line): \(key)"
    }

    private static let options = Dictionary(uniqueKeysWithValues: ConfigurationOption.all.map { ($0.key, $0) })
    private static let sections = Set(
        ConfigurationOption.all.compactMap { $0.key.split(separator: ".").dropLast().first })

    private mutating func read(_ node: Node, under path: [String]) {
        guard case .mapping(let mapping) = node else {
            return fail(node, path, "A mapping of settings is expected here.")
        }
        for (keyNode, value) in mapping {
            let name = keyNode.string ?? "?"
            let keys = path + [name]
            let key = keys.joined(separator: ".")
            if key == "routes" {
                readRoutes(value)
            } else if Self.options[key] != nil {
                readScalar(value, key)
            } else if path.isEmpty, Self.sections.contains(Substring(name)) {
                read(value, under: keys)
            } else {
                let known = Self.known(under: path).joined(separator: ", ")
                fail(keyNode, keys, "There is no such setting. Known here: \(known).")
            }
        }
    }

    private static func known(under path: [String]) -> [String] {
        let prefix = path.isEmpty ? "" : path.joined(separator: ".") + "."
        var names: [String] = path.isEmpty ? ["routes"] : []
        for option in ConfigurationOption.all where option.key.hasPrefix(prefix) {
            let name = String(option.key.dropFirst(prefix.count).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names.sorted()
    }

    private mutating func readScalar(_ node: Node, _ key: String) {
        let line = node.mark?.line ?? 0
        switch node {
        case .scalar(let scalar): scalars[key] = Scalar(text: scalar.string, line: line)
        case .sequence(let sequence) where sequence.allSatisfy({ $0.scalar != nil }):
            let text = sequence.compactMap { $0.scalar?.string }.joined(separator: ",")
            scalars[key] = Scalar(text: text, line: line)
        default: fail(node, [key], "A single value is expected here.")
        }
    }

    private mutating func readRoutes(_ node: Node) {
        guard case .sequence(let sequence) = node else {
            return fail(node, ["routes"], "A list of routes is expected here.")
        }
        var routes: [TopicRoute] = []
        for (index, element) in sequence.enumerated() {
            if let route = readRoute(element, "routes[\(index)]") { routes.append(route) }
        }
        self.routes = routes
    }

    private mutating func readRoute(_ node: Node, _ name: String) -> TopicRoute? {
        guard case .mapping(let mapping) = node else {
            fail(node, [name], "A mapping with \"topic\" is expected here.")
            return nil
        }
        let allowed = ["topic", "convention", "room", "qos", "fahrenheit_to_celsius"]
        for (key, _) in mapping where !allowed.contains(key.string ?? "") {
            fail(
                key, [name, key.string ?? "?"], "There is no such key. Known here: \(allowed.joined(separator: ", ")).")
        }
        guard let pattern = mapping["topic"]?.string else {
            fail(node, [name], "\"topic\" is missing: a pattern such as sensors/{device}/{metric}.")
            return nil
        }
        var convention = PayloadConvention.auto
        if let text = mapping["convention"]?.string {
            guard let known = PayloadConvention(rawValue: text) else {
                let all = PayloadConvention.allCases.map(\.rawValue).joined(separator: ", ")
                fail(mapping["convention"] ?? node, [name, "convention"], "\"\(text)\" is not one of \(all).")
                return nil
            }
            convention = known
        }
        if let qos = mapping["qos"], qos.int == nil {
            fail(qos, [name, "qos"], "0 or 1 is expected here.")
            return nil
        }
        if let flag = mapping["fahrenheit_to_celsius"], flag.bool == nil {
            fail(flag, [name, "fahrenheit_to_celsius"], "true or false is expected here.")
            return nil
        }
        do {
            return try TopicRoute(
                pattern: pattern, convention: convention,
                room: mapping["room"]?.string ?? RoomTemplate.standard.description,
                qos: mapping["qos"]?.int ?? 1,
                convertsFahrenheit: mapping["fahrenheit_to_celsius"]?.bool ?? false)
        } catch {
            fail(node, [name], "\(error)")
            return nil
        }
    }

    private mutating func fail(_ node: Node, _ keys: [String], _ problem: String) {
        let line = node.mark.map { ":\($0.line)" } ?? ""
        let key = keys.isEmpty ? "" : ": \(keys.joined(separator: "."))"
        errors.append(ConfigurationError(origin: "\(path)\(line)\(key)", problem: problem))
    }
}
