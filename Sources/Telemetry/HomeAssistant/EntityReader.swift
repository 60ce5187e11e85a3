import Core

/// A reader of the keys that describe one entity.
struct EntityReader {
    /// The maximum length of a topic in bytes.
    static let maximumTopicByteCount = 512

    private let config: JSONValue
    /// The message around the entity, whose keys apply if the entity lacks them; equal to ``config`` if there is none.
    private let shared: JSONValue
    private let component: String
    private let id: String
    private let node: String?

    init(_ config: JSONValue, besides shared: JSONValue? = nil, component: String, id: String, node: String?) {
        (self.config, self.shared) = (config, shared ?? config)
        (self.component, self.id, self.node) = (component, id, node)
    }

    /// Returns the entity; `nil` if it has no state that could be a metric, as a button or a climate control.
    func entity() throws(HomeAssistantProblem) -> HomeAssistantEntity? {
        guard ["sensor", "binary_sensor", "switch", "number", "light", "fan", "siren"].contains(component),
            let topic = text("state_topic")
        else { return nil }
        return HomeAssistantEntity(
            deviceKey: try deviceKey, deviceName: try deviceName,
            id: try checked(id, "the identifier"), name: try name,
            stateTopic: try self.topic(topic), template: try template,
            unit: text("unit_of_measurement").flatMap { unit in
                (1...MetricCollector.maximumUnitByteCount).contains(unit.utf8.count) ? unit : nil
            },
            kind: try kind, availability: try availability)
    }

    // MARK: Names

    private var device: JSONValue { HomeAssistantKeys.value("device", in: shared) ?? .null }

    /// The first identifier or connection, which may be a text or a list. Without any, the topic identifies the device.
    private var deviceKey: String {
        get throws(HomeAssistantProblem) {
            let identifier = Self.first(HomeAssistantKeys.value("identifiers", in: device))?.templateText
            let connection = Self.first(HomeAssistantKeys.value("connections", in: device))
            // A connection is a pair such as ["mac", "02:5b:26:a8:dc:12"].
            let address = connection?.arrayValue?.last?.stringValue ?? connection?.stringValue
            return try checked(identifier ?? address ?? node ?? id, "the identifier of the device")
        }
    }

    private var deviceName: String {
        get throws(HomeAssistantProblem) {
            guard let name = device["name"]?.stringValue else { return try deviceKey }
            return try checked(name, "the name of the device")
        }
    }

    private var name: String {
        get throws(HomeAssistantProblem) {
            let own = config["name"]?.stringValue
            return try checked(own ?? text("device_class") ?? text("object_id") ?? id, "the name")
        }
    }

    private static func first(_ value: JSONValue?) -> JSONValue? {
        if case .array(let elements)? = value { elements.first } else { value }
    }

    private func checked(_ name: String, _ what: String) throws(HomeAssistantProblem) -> String {
        guard (1...HomeAssistantConfig.maximumTextByteCount).contains(name.utf8.count), name.isInNormalForm,
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            throw problem(
                "\(what) \(Excerpt(of: name)) is not valid; allowed: 1 to \(HomeAssistantConfig.maximumTextByteCount) "
                    + "bytes in Unicode form NFC, without control characters")
        }
        return name
    }

    // MARK: Values

    private var template: ValueTemplate {
        get throws(HomeAssistantProblem) {
            if component == "light", config["schema"]?.stringValue == "json" { return ValueTemplate(member: "state") }
            if component == "light" || component == "fan" || component == "siren" {
                return try template(text("state_value_template"))
            }
            return try template(text("value_template"))
        }
    }

    private func template(_ text: String?) throws(HomeAssistantProblem) -> ValueTemplate {
        guard let text else { return .wholeMessage }
        guard let template = ValueTemplate(text) else {
            throw problem(
                "the template \(Excerpt(of: text)) is not understood; understood: {{ value }} or {{ value_json.name }}, "
                    + "with float, int or round(n)")
        }
        return template
    }

    private var kind: HomeAssistantEntity.Kind {
        get throws(HomeAssistantProblem) {
            if component == "sensor" || component == "number" { return .number }
            return .binary(
                on: try payload("state_on", or: try payload("payload_on", or: "ON")),
                off: try payload("state_off", or: try payload("payload_off", or: "OFF")))
        }
    }

    private func payload(
        _ key: String, in object: JSONValue? = nil, or standard: String
    ) throws(HomeAssistantProblem) -> String {
        let value = if let object { HomeAssistantKeys.value(key, in: object) } else { self.value(key) }
        guard let text = value?.templateText else { return standard }
        guard text.utf8.count <= HomeAssistantConfig.maximumTextByteCount else {
            throw problem(
                "\(key) has \(text.utf8.count) bytes; allowed: at most \(HomeAssistantConfig.maximumTextByteCount)")
        }
        return text
    }

    // MARK: Availability

    private var availability: EntityAvailability {
        get throws(HomeAssistantProblem) {
            var availability = EntityAvailability()
            if let mode = text("availability_mode").flatMap(EntityAvailability.Mode.init) { availability.mode = mode }
            if let topic = text("availability_topic") {
                availability.sources = [
                    try source(topic, template: text("availability_template"), payloads: nil)
                ]
                return availability
            }
            let list =
                switch value("availability") {
                case .array(let elements)?: elements
                case let object?: [object]
                case nil: [JSONValue]()
                }
            guard list.count <= HomeAssistantConfig.maximumSourceCount else {
                throw problem(
                    "it has \(list.count) availability topics; allowed: at most "
                        + "\(HomeAssistantConfig.maximumSourceCount)")
            }
            for element in list {
                guard let topic = HomeAssistantKeys.value("topic", in: element)?.stringValue else { continue }
                let template = HomeAssistantKeys.value("value_template", in: element)?.stringValue
                availability.sources.append(try source(topic, template: template, payloads: element))
            }
            return availability
        }
    }

    private func source(
        _ topic: String, template: String?, payloads: JSONValue?
    ) throws(HomeAssistantProblem) -> EntityAvailability.Source {
        EntityAvailability.Source(
            topic: try self.topic(topic), template: try self.template(template),
            available: try payload("payload_available", in: payloads, or: "online"),
            notAvailable: try payload("payload_not_available", in: payloads, or: "offline"))
    }

    // MARK: Keys

    private func value(_ key: String) -> JSONValue? {
        HomeAssistantKeys.value(key, in: config) ?? HomeAssistantKeys.value(key, in: shared)
    }

    private func text(_ key: String) -> String? { value(key)?.stringValue }

    /// Returns a topic with its base in place of a `~` at its beginning or end.
    ///
    /// Devices choose these topics, and the gateway subscribes to them. So they are names without wildcards, and outside
    /// of `$`, where shared subscriptions and the broker's own topics are.
    private func topic(_ text: String) throws(HomeAssistantProblem) -> String {
        var topic = text
        if let base = config["~"]?.stringValue ?? shared["~"]?.stringValue {
            if topic.utf8.first == UInt8(ascii: "~") { topic = "\(base)\(topic.dropFirst())" }
            if topic.utf8.last == UInt8(ascii: "~") { topic = "\(topic.dropLast())\(base)" }
        }
        guard topic.utf8.count <= Self.maximumTopicByteCount, topic.utf8.first != UInt8(ascii: "$"),
            (try? TopicName(topic)) != nil
        else {
            throw problem(
                "the topic \(Excerpt(of: topic)) is not allowed; allowed: 1 to \(Self.maximumTopicByteCount) bytes "
                    + "without + or #, not beginning with $")
        }
        return topic
    }

    private func problem(_ what: String) -> HomeAssistantProblem {
        HomeAssistantProblem(
            device: device["name"]?.stringValue ?? node ?? id, entity: config["name"]?.stringValue ?? id, what)
    }
}
