package import Core

/// A discovery message of Home Assistant: what a device announces about one entity, or about all of its entities.
///
///     homeassistant/sensor/[node/]temp/config   {"name":"Temperature","stat_t":"~/state","~":"plug","dev":{…}}
///     homeassistant/device/[node/]plug/config   {"dev":{…},"cmps":{"temp":{"p":"sensor",…}},"stat_t":"plug/state"}
///
/// Parts that are not understood become ``problems`` and are left out.
///
/// Source: Home Assistant, "MQTT", sections "Discovery messages" and "Using availability topics".
package struct HomeAssistantConfig: Hashable, Sendable {
    /// The maximum size of a message in bytes.
    package static let maximumByteCount = 65_536
    /// The maximum depth of its JSON.
    package static let maximumDepth = 12
    /// The maximum number of entities in one message.
    package static let maximumEntityCount = 256
    /// The maximum number of topics for the availability of an entity.
    package static let maximumSourceCount = 8
    /// The maximum length of a name, identifier or payload in bytes.
    package static let maximumTextByteCount = 128

    package let entities: [HomeAssistantEntity]
    package let problems: [HomeAssistantProblem]

    /// Reads a discovery message.
    ///
    /// - Throws: ``HomeAssistantProblem`` if nothing of it can be used.
    package init(_ topic: HomeAssistantTopic, payload: [UInt8]) throws(HomeAssistantProblem) {
        func refused(_ what: String) -> HomeAssistantProblem {
            HomeAssistantProblem(device: topic.node ?? topic.object, entity: topic.object, what)
        }
        guard payload.count <= Self.maximumByteCount else {
            throw refused("the message has \(payload.count) bytes; allowed: at most \(Self.maximumByteCount)")
        }
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONParser.parse(payload, maxDepth: Self.maximumDepth, maxMembers: 512)
        } catch {
            throw refused("the message is not valid JSON: \(error)")
        }
        guard root.objectValue != nil else { throw refused("the message is \(root.kind); expected an object") }
        guard topic.component == "device" else {
            let reader = EntityReader(root, component: topic.component, id: topic.object, node: topic.node)
            entities = try reader.entity().map { [$0] } ?? []
            problems = []
            return
        }
        guard let components = HomeAssistantKeys.value("components", in: root)?.objectValue else {
            throw refused("the message has no components")
        }
        guard components.count <= Self.maximumEntityCount else {
            throw refused("the message has \(components.count) components; allowed: at most \(Self.maximumEntityCount)")
        }
        var entities: [HomeAssistantEntity] = []
        var problems: [HomeAssistantProblem] = []
        for component in components {
            guard let platform = HomeAssistantKeys.value("platform", in: component.value)?.stringValue else { continue }
            do throws(HomeAssistantProblem) {
                let reader = EntityReader(
                    component.value, besides: root, component: platform, id: component.name, node: topic.object)
                if let entity = try reader.entity() { entities.append(entity) }
            } catch {
                problems.append(error)
            }
        }
        (self.entities, self.problems) = (entities, problems)
    }
}

/// The topic of a discovery message: `<prefix>/<component>/[<node>/]<object>/config`.
package struct HomeAssistantTopic: Hashable, Sendable {
    package let component: String
    package let node: String?
    package let object: String

    /// Splits a topic; `nil` if it is none of a discovery message.
    package init?(_ topic: String, prefix: String) {
        guard topic.utf8.count <= 1024, topic.utf8.starts(with: prefix.utf8) else { return nil }
        let levels = topic.utf8.dropFirst(prefix.utf8.count).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false
        ).map { String(Substring($0)) }
        guard (4...5).contains(levels.count), levels[0].isEmpty, levels.last == "config",
            levels[1...].allSatisfy({ (1...HomeAssistantConfig.maximumTextByteCount).contains($0.utf8.count) })
        else { return nil }
        component = levels[1]
        node = levels.count == 5 ? levels[2] : nil
        object = levels[levels.count - 2]
    }
}

/// A reason why an entity or discovery message is not used.
package struct HomeAssistantProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package let device: String
    package let entity: String
    package let what: String

    init(device: String, entity: String, _ what: String) {
        (self.device, self.entity, self.what) = (device, entity, what)
    }

    package var description: String { "\(Excerpt(of: entity)) of \(Excerpt(of: device)): \(what)" }
}

/// The abbreviations of keys.
///
/// Source: Home Assistant, "MQTT", section "Supported abbreviations in MQTT discovery messages".
enum HomeAssistantKeys {
    private static let abbreviations = [
        "availability": "avty", "availability_mode": "avty_mode", "availability_template": "avty_tpl",
        "availability_topic": "avty_t", "components": "cmps", "connections": "cns", "device": "dev",
        "device_class": "dev_cla", "identifiers": "ids", "object_id": "obj_id", "payload_available": "pl_avail",
        "payload_not_available": "pl_not_avail", "payload_off": "pl_off", "payload_on": "pl_on", "platform": "p",
        "state_off": "stat_off", "state_on": "stat_on", "state_topic": "stat_t", "state_value_template": "stat_val_tpl",
        "topic": "t", "unit_of_measurement": "unit_of_meas", "value_template": "val_tpl",
    ]

    /// Returns the value under a key or its abbreviation.
    static func value(_ key: String, in object: JSONValue) -> JSONValue? {
        object[key] ?? abbreviations[key].flatMap { object[$0] }
    }
}
