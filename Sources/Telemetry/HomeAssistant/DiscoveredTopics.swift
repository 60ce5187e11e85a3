package import Core

/// The topics of all announced entities, with the devices and metrics that their messages are about.
///
/// Routes come first. A topic that a route takes stays with it: the route names device, room and metrics, and the entity
/// adds the unit where the payload has none, and the availability. All other topics are read as the entities say.
package struct DiscoveredTopics: Sendable {
    /// A metric in the messages of a topic.
    struct Binding: Hashable, Sendable {
        var device: DeviceID
        var metric: String
        var entity: HomeAssistantEntity
    }

    /// The availability of a device: it is online while any of its entities is available.
    struct DeviceAvailability: Hashable, Sendable {
        var device: DeviceID
        var room: String
        var rules: [EntityAvailability]
    }

    /// The state topics that no route takes.
    private(set) var states: [ExactString: [Binding]] = [:]
    /// The units of metrics, by the topics that a route takes.
    private(set) var units: [ExactString: [ExactString: String]] = [:]
    /// The devices by the topics of their availability that no route takes.
    private(set) var availability: [ExactString: [DeviceAvailability]] = [:]
    /// The topics to subscribe to: those that no route takes.
    package private(set) var topics: [String] = []
    /// The template of the rooms of devices without a route.
    let room: RoomTemplate

    /// Creates the topics of entities.
    ///
    /// - Parameter room: The template of the rooms of devices without a route. It has no capture except `{device}`.
    package init(
        _ entities: [HomeAssistantEntity] = [], room: RoomTemplate, routes: [TopicRoute], statusRoutes: [StatusRoute]
    ) {
        self.room = room
        let names = EntityNames(entities)
        var devices: [ExactString: DeviceAvailability] = [:]
        for entity in entities {
            guard let owner = add(entity, names, routes: routes), !entity.availability.sources.isEmpty else { continue }
            let key = ExactString("\(owner.room)\u{0}\(owner.device.rawValue)")
            var device = devices[key] ?? DeviceAvailability(device: owner.device, room: owner.room, rules: [])
            if !device.rules.contains(entity.availability) { device.rules.append(entity.availability) }
            devices[key] = device
        }
        for device in devices.values {
            for topic in Set(device.rules.flatMap(\.sources).map { ExactString($0.topic) }) {
                availability[topic, default: []].append(device)
            }
        }
        var seen: Set<ExactString> = []
        for topic in entities.flatMap(\.availability.sources).map(\.topic) {
            let key = ExactString(topic)
            guard availability[key] != nil, seen.insert(key).inserted else { continue }
            if statusRoutes.device(ofTopic: topic) != nil || routes.contains(where: { $0.captures(in: topic) != nil }) {
                availability[key] = nil
            } else if states.removeValue(forKey: key) == nil {
                topics.append(topic)
            }
        }
    }

    /// Returns true if the topic tells of the availability of devices.
    package func isAvailability(_ topic: String) -> Bool { availability[ExactString(topic)] != nil }

    /// Adds the state topic of an entity. Returns the device that its messages are about, and its room.
    private mutating func add(
        _ entity: HomeAssistantEntity, _ names: EntityNames, routes: [TopicRoute]
    ) -> (device: DeviceID, room: String)? {
        let topic = ExactString(entity.stateTopic)
        for route in routes {
            guard let captures = route.captures(in: entity.stateTopic) else { continue }
            if let unit = entity.unit {
                let metric = entity.template.metric ?? captures["metric"] ?? "value"
                units[topic, default: [:]][ExactString(metric)] = unit
            }
            return captures["device"].flatMap { DeviceID($0) }.map {
                ($0, route.room.room(device: $0, captures: captures))
            }
        }
        guard let device = names.device(of: entity) else { return nil }
        if states[topic] == nil { topics.append(entity.stateTopic) }
        states[topic, default: []].append(
            Binding(device: device, metric: names.metric(of: entity), entity: entity))
        return (device, room.room(device: device, captures: [:]))
    }

    /// Decodes a message to a state topic into one reading for each device that it is about.
    static func decode(
        _ payload: [UInt8], _ bindings: [Binding], context: DecodingContext
    ) throws(DecodeError) -> [DecodedReading] {
        let message = try Message(payload, limits: context.limits)
        var devices: [DeviceID] = []
        for binding in bindings where !devices.contains(binding.device) { devices.append(binding.device) }
        try context.limits.check(readingCount: devices.count)
        var readings: [DecodedReading] = []
        for device in devices {
            var collector = MetricCollector(context: context, expecting: bindings.count)
            for binding in bindings where binding.device == device {
                if let value = binding.entity.value(in: message.text, json: message.json) {
                    try collector.add(binding.metric, value, unit: binding.entity.unit)
                } else if case .string(let text)? =
                    binding.entity.template.value(in: message.text, json: message.json)
                {
                    if binding.entity.unit != nil, bindings.count == 1 { _ = try BareValueDecoder.value(of: text) }
                    collector.ignore(binding.metric, .string)
                }
            }
            guard !collector.isEmpty else { continue }
            readings.append(
                DecodedReading(device: device, metrics: collector.metrics, ignored: collector.ignored))
        }
        if readings.isEmpty { throw .notAReading(topic: context.topic) }
        return readings
    }

    /// A message as text, and as JSON if it is any.
    struct Message {
        let text: String
        let json: JSONValue?

        init(_ payload: [UInt8], limits: DecodingLimits) throws(DecodeError) {
            try limits.check(byteCount: payload.count)
            guard let text = String(validating: payload, as: UTF8.self) else {
                throw .invalidUTF8(offset: payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount))
            }
            self.text = text
            json = try? JSONParser.parse(
                payload, maxDepth: limits.maxDepth, maxMembers: limits.maxMembersPerObject)
        }
    }
}

/// The names of devices and metrics that entities give, made unique.
///
/// A name that several have gets the identifier as well. It does not depend on the order in which they were announced, so
/// that a restart does not exchange two devices.
private struct EntityNames {
    private struct MetricKey: Hashable {
        var device: ExactString
        var name: ExactString
    }

    private var devices: [ExactString: DeviceID] = [:]
    private var metricCounts: [MetricKey: Int] = [:]

    init(_ entities: [HomeAssistantEntity]) {
        var names: [ExactString: String] = [:]
        for entity in entities {
            if names[ExactString(entity.deviceKey)] == nil { names[ExactString(entity.deviceKey)] = entity.deviceName }
            metricCounts[Self.key(entity), default: 0] += 1
        }
        var owners: [ExactString: Int] = [:]
        for name in names.values { owners[ExactString(Self.level(name)), default: 0] += 1 }
        for entity in entities {
            let key = ExactString(entity.deviceKey)
            guard devices[key] == nil else { continue }
            let name = Self.level(names[key] ?? entity.deviceName)
            let identifier = Self.level(entity.deviceKey)
            let isUnique = owners[ExactString(name)] == 1
            devices[key] = DeviceID(isUnique ? name : "\(name) \(identifier)") ?? DeviceID(identifier)
        }
    }

    /// Returns the device of an entity; `nil` if neither its name nor its identifier can be a level of a room's name.
    func device(of entity: HomeAssistantEntity) -> DeviceID? { devices[ExactString(entity.deviceKey)] }

    func metric(of entity: HomeAssistantEntity) -> String {
        guard metricCounts[Self.key(entity), default: 0] > 1 else { return entity.name }
        let name = "\(entity.name) \(entity.id)"
        return name.utf8.count <= Metric.maximumNameByteCount ? name : entity.id
    }

    private static func key(_ entity: HomeAssistantEntity) -> MetricKey {
        MetricKey(device: ExactString(entity.deviceKey), name: ExactString(entity.name))
    }

    /// Replaces the characters that a level of a room's name cannot have.
    private static func level(_ name: String) -> String {
        String(String.UnicodeScalarView(name.unicodeScalars.map { "/+#".unicodeScalars.contains($0) ? "-" : $0 }))
    }
}
