package import Core
import Services
import Telemetry
import WebServer
import YAML

/// The parsed `windsock.yaml`: scalars by key with their lines, the routes, and the alert rules.
package struct ConfigurationFile: Sendable {
    /// A scalar value and its line.
    struct Scalar: Sendable {
        var text: String
        var line: Int
    }

    /// The path as given by the user; appears in errors.
    let path: String
    /// The file as it was before it was read; `nil` if it is no regular file.
    private(set) var stamp: FileStamp?
    private(set) var scalars: [String: Scalar] = [:]
    /// The routes with their places; `nil` if the file has none.
    private(set) var locatedRoutes: [LocatedRoute]?
    /// True when the default routes apply behind ``routes``.
    private(set) var keepsDefaultRoutes = false
    private(set) var alertRules: [LocatedAlertRule] = []
    /// The line of the key `routes`.
    private(set) var routesLine: Int?

    /// The routes of the file; `nil` if it has none.
    var routes: [TopicRoute]? { locatedRoutes?.map(\.route) }

    /// Reads and parses the file.
    ///
    /// - Throws: ``ConfigurationError`` naming every invalid line.
    package init(path: String) throws(ConfigurationError) {
        let stamp = FileStamp(path: path)
        try self.init(try YAMLDocument(contentsOf: path))
        self.stamp = stamp
    }

    /// Parses YAML text; `path` appears in errors.
    package init(path: String, yaml: String) throws(ConfigurationError) {
        try self.init(try YAMLDocument(path: path, text: yaml))
    }

    private init(_ document: YAMLDocument) throws(ConfigurationError) {
        path = document.path
        if let root = document.root, !root.isNull { readSettings(root) }
        try document.finish()
    }

    /// Returns this file with the settings of another version of it, except those with these keys. Routes and alert
    /// rules stay.
    func keepingSettings(of other: ConfigurationFile, except keys: Set<String>) -> ConfigurationFile {
        var file = self
        file.scalars = other.scalars.filter { !keys.contains($0.key) }
        for key in keys { file.scalars[key] = scalars[key] }
        return file
    }

    /// Returns the location of a key, such as `windsock.yaml:12: mqtt.url`.
    func origin(of key: String) -> String {
        guard let line = key == "routes" ? routesLine : scalars[key]?.line else { return "\(path): \(key)" }
        return "\(path):\(line): \(key)"
    }

    private static let options = Dictionary(uniqueKeysWithValues: ConfigurationOption.all.map { ($0.key, $0) })
    private static let sections = Set(
        ConfigurationOption.all.compactMap { $0.key.split(separator: ".").dropLast().first.map(String.init) })

    /// Reads the settings of the whole file, or of one section.
    private mutating func readSettings(_ settings: YAMLValue) {
        for entry in settings.mapping("a mapping of settings")?.entries ?? [] {
            let value = entry.value
            switch value.key {
            case "routes":
                routesLine = entry.key.line
                locatedRoutes =
                    value.isNull
                    ? nil
                    : value.list(of: "routes")?.compactMap { element in
                        Self.route(element).map { LocatedRoute(route: $0, place: "\(path):\(element.line ?? 0)") }
                    }
            case "default_routes": keepsDefaultRoutes = value.isNull ? false : value.read(Self.yamlBool) ?? false
            case "alerts": alertRules = value.isNull ? [] : AlertRuleReader.rules(in: value)
            case let key where Self.sections.contains(key): if !value.isNull { readSettings(value) }
            case let key:
                if let option = Self.options[key] {
                    readOption(value, option)
                } else {
                    entry.failAsUnknown(allowed: Self.known(under: settings.key))
                }
            }
        }
    }

    private static func known(under section: String) -> Set<String> {
        let prefix = section.isEmpty ? "" : section + "."
        let names = ConfigurationOption.all.lazy.map(\.key).filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count).prefix { $0 != "." }) }
        return Set(names).union(section.isEmpty ? ["alerts", "default_routes", "routes"] : [])
    }

    private mutating func readOption(_ value: YAMLValue, _ option: ConfigurationOption) {
        if let other = scalars[option.key] {
            return value.fail("duplicate setting, first set in line \(other.line)")
        }
        let texts = option.isList && value.isList ? (value.list() ?? []).map(\.text) : [value.text]
        guard !texts.contains(nil) else {
            return value.reject(allowed: "a single value\(option.isList ? " or a list of values" : "")")
        }
        let text = value.isNull ? "" : texts.compactMap(\.self).joined(separator: ",")
        scalars[option.key] = Scalar(text: text, line: value.line ?? 0)
    }

    /// `true` or `false`, or another word of YAML 1.1 for them. Only routes accept these.
    private static var yamlBool: ValueFormat<Bool> {
        ValueFormat("true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: nil
            }
        }
    }

    private static func route(_ value: YAMLValue) -> TopicRoute? {
        guard let fields = value.mapping("a mapping with \"topic\"") else { return nil }
        let topic = fields.required("topic", .text("a topic such as sensors/{device}/{metric}"))
        let convention = fields.read("convention", .choice(of: PayloadConvention.self))
        let room = fields.read("room", .text("a room such as sensors/{device}"))
        // TopicRoute refuses other numbers, and says why for 2.
        let qos = fields.read("qos", ValueFormat("0 or 1") { Int($0) })
        let convertsFahrenheit = fields.read("fahrenheit_to_celsius", yamlBool)
        let allowsForeignDevices = fields.read("devices_in_payload", yamlBool)
        let mapping = RouteMappingReader.mapping(fields)
        guard let topic, fields.isValid else { return nil }
        do throws(TopicError) {
            return try TopicRoute(
                pattern: topic, convention: convention ?? .auto,
                room: room?.inNormalForm ?? RoomTemplate.standard.description, qos: qos ?? 1,
                convertsFahrenheit: convertsFahrenheit ?? false, allowsForeignDevices: allowsForeignDevices ?? false,
                mapping: mapping)
        } catch {
            let key =
                switch error.problem {
                case .badRoom: "room"
                case .badQoS: "qos"
                default: "topic"
                }
            fields.fail(key, "\(error)")
            return nil
        }
    }
}

/// A route with its location, such as `windsock.yaml:12`, for warnings that concern several routes.
struct LocatedRoute: Sendable {
    var route: TopicRoute
    var place: String
}
