import Core
import Services
import Telemetry
import Yams

extension ConfigurationFile {
    private static let routeKeys = [
        "topic", "convention", "room", "qos", "fahrenheit_to_celsius", "devices_in_payload",
    ]

    /// The routes of a list; `nil` when it is none. Those that cannot be used are recorded and left out.
    mutating func readRoutes(_ node: Node) -> [TopicRoute]? {
        guard case .sequence(let sequence) = node else {
            fail(node, "routes", "A list of routes is expected here.")
            return nil
        }
        return sequence.enumerated().compactMap { index, element in readRoute(element, "routes[\(index)]") }
    }

    private mutating func readRoute(_ node: Node, _ name: String) -> TopicRoute? {
        guard case .mapping(let mapping) = node else {
            fail(node, name, "A mapping with \"topic\" is expected here.")
            return nil
        }
        for (key, _) in mapping where !Self.routeKeys.contains(key.string ?? "") {
            fail(
                key, "\(name).\(key.string ?? "?")",
                "There is no such key. Known here: \(Self.routeKeys.joined(separator: ", ")).")
        }
        if mapping["topic"] == nil {
            fail(node, name, "\"topic\" is missing: a topic such as sensors/{device}/{metric}.")
        }
        let topic = value(mapping["topic"], "\(name).topic", "A topic such as sensors/{device}/{metric}", \.string)
        let conventions = PayloadConvention.allCases.map(\.rawValue).joined(separator: ", ")
        let convention = value(mapping["convention"], "\(name).convention", "One of \(conventions)") {
            $0.string.flatMap(PayloadConvention.init(rawValue:))
        }
        let room = value(mapping["room"], "\(name).room", "A room such as sensors/{device}", \.string)
        let qos = value(mapping["qos"], "\(name).qos", "0 or 1", \.int)
        let converts = value(
            mapping["fahrenheit_to_celsius"], "\(name).fahrenheit_to_celsius", "true or false", \.bool)
        let devices = value(mapping["devices_in_payload"], "\(name).devices_in_payload", "true or false", \.bool)
        guard case .some(.some(let pattern)) = topic, let convention, let room, let qos, let converts, let devices
        else {
            return nil
        }
        do throws(TopicRouteError) {
            return try TopicRoute(
                pattern: pattern, convention: convention ?? .auto,
                room: room?.inNormalForm ?? RoomTemplate.standard.description,
                qos: qos ?? 1, convertsFahrenheit: converts ?? false,
                allowsForeignDevices: devices ?? false)
        } catch {
            let key =
                switch error.problem {
                case .badFilter, .badCapture, .duplicateCapture: "topic"
                case .badRoom: "room"
                case .badQoS: "qos"
                }
            fail(mapping[Node(key)] ?? node, "\(name).\(key)", "\(error)")
            return nil
        }
    }

    /// The value of a key that may be left out; `nil` after recording that it is not what is expected.
    private mutating func value<Value>(
        _ node: Node?, _ key: String, _ expected: String, _ read: (Node) -> Value?
    ) -> Value?? {
        guard let node else { return .some(nil) }
        if let value = read(node) { return .some(value) }
        fail(node, key, "\(expected) is expected here.")
        return .none
    }
}
