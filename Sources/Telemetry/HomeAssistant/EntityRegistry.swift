package import Core

/// The entities that devices have announced for Home Assistant, by the topics of their discovery messages.
///
/// The messages are untrusted, so the registry is bounded. Beyond its limits a message is refused; what is known stays.
package struct EntityRegistry: Sendable {
    package struct Limits: Sendable {
        package var maxEntities: Int
        package var maxDevices: Int
        package var maxEntitiesPerDevice: Int
        /// The maximum number of topics of states and availability together.
        package var maxTopics: Int
        /// The maximum number of entities whose values are in one topic, which bounds the work for a message.
        package var maxEntitiesPerTopic: Int

        package init(
            maxEntities: Int = 5000, maxDevices: Int = 2000, maxEntitiesPerDevice: Int = 256, maxTopics: Int = 5000,
            maxEntitiesPerTopic: Int = 256
        ) {
            self.maxEntities = maxEntities
            self.maxDevices = maxDevices
            self.maxEntitiesPerDevice = maxEntitiesPerDevice
            self.maxTopics = maxTopics
            self.maxEntitiesPerTopic = maxEntitiesPerTopic
        }
    }

    /// The result of a discovery message.
    package struct Outcome: Hashable, Sendable {
        /// True if the entities are others than before.
        package var hasChanged = false
        package var problems: [HomeAssistantProblem] = []
    }

    private let prefix: String
    private let limits: Limits
    /// The topics that no entity may read, such as the gateway's own.
    private let reserved: [TopicFilter]
    private var configs: [ExactString: (topic: String, entities: [HomeAssistantEntity])] = [:]
    private var entityCount = 0
    private var devices: [ExactString: Int] = [:]
    private var topics: [ExactString: Int] = [:]
    private var stateTopics: [ExactString: Int] = [:]

    /// - Parameters:
    ///   - prefix: The first levels of discovery topics.
    ///   - reserved: The topics that no entity may read, besides discovery topics.
    package init(prefix: String = "homeassistant", reserved: [TopicFilter] = [], limits: Limits = Limits()) {
        self.prefix = prefix
        self.reserved = reserved
        self.limits = limits
    }

    /// All entities, in the order of their discovery topics, which does not depend on the order of arrival.
    package var entities: [HomeAssistantEntity] {
        configs.values.sorted { $0.topic.utf8.lexicographicallyPrecedes($1.topic.utf8) }.flatMap(\.entities)
    }

    /// Takes a discovery message; `nil` if the topic is that of another message. An empty payload removes what an earlier
    /// message announced.
    package mutating func receive(topic: String, payload: [UInt8]) -> Outcome? {
        guard let parsed = HomeAssistantTopic(topic, prefix: prefix) else { return nil }
        let key = ExactString(topic)
        let earlier = configs[key]?.entities ?? []
        if payload.isEmpty {
            remove(earlier, of: key)
            return Outcome(hasChanged: !earlier.isEmpty)
        }
        do throws(HomeAssistantProblem) {
            let config = try HomeAssistantConfig(parsed, payload: payload)
            if config.entities == earlier { return Outcome(problems: config.problems) }
            remove(earlier, of: key)
            var outcome = Outcome(hasChanged: true, problems: config.problems)
            var added: [HomeAssistantEntity] = []
            for entity in config.entities {
                if let problem = problem(of: entity) {
                    outcome.problems.append(problem)
                } else {
                    count(entity, 1)
                    added.append(entity)
                }
            }
            if !added.isEmpty { configs[key] = (topic, added) }
            outcome.hasChanged = added != earlier
            return outcome
        } catch {
            remove(earlier, of: key)
            return Outcome(hasChanged: !earlier.isEmpty, problems: [error])
        }
    }

    private mutating func remove(_ entities: [HomeAssistantEntity], of key: ExactString) {
        configs[key] = nil
        for entity in entities { count(entity, -1) }
    }

    private mutating func count(_ entity: HomeAssistantEntity, _ difference: Int) {
        func add(to counts: inout [ExactString: Int], _ key: String) {
            let count = (counts[ExactString(key)] ?? 0) + difference
            counts[ExactString(key)] = count == 0 ? nil : count
        }
        entityCount += difference
        add(to: &devices, entity.deviceKey)
        add(to: &stateTopics, entity.stateTopic)
        for topic in entity.topics { add(to: &topics, topic) }
    }

    /// Returns the reason why an entity cannot be added.
    private func problem(of entity: HomeAssistantEntity) -> HomeAssistantProblem? {
        func problem(_ what: String) -> HomeAssistantProblem {
            HomeAssistantProblem(device: entity.deviceName, entity: entity.name, what)
        }
        for topic in entity.topics
        where HomeAssistantTopic(topic, prefix: prefix) != nil || reserved.contains(where: { $0.matches(topic) }) {
            return problem("the topic \(Excerpt(of: topic)) is the gateway's own")
        }
        if entityCount >= limits.maxEntities {
            return problem("there are too many entities; allowed: at most \(limits.maxEntities)")
        }
        let known = devices[ExactString(entity.deviceKey)]
        if known == nil, devices.count >= limits.maxDevices {
            return problem("there are too many devices; allowed: at most \(limits.maxDevices)")
        }
        if known ?? 0 >= limits.maxEntitiesPerDevice {
            return problem("the device has too many entities; allowed: at most \(limits.maxEntitiesPerDevice)")
        }
        if stateTopics[ExactString(entity.stateTopic)] ?? 0 >= limits.maxEntitiesPerTopic {
            return problem("its topic has too many entities; allowed: at most \(limits.maxEntitiesPerTopic)")
        }
        let added = Set(entity.topics.map { ExactString($0) }).filter { topics[$0] == nil }.count
        if topics.count + added > limits.maxTopics {
            return problem("there are too many topics; allowed: at most \(limits.maxTopics)")
        }
        return nil
    }
}

extension HomeAssistantEntity {
    /// The topics of the state and of the availability.
    var topics: [String] { [stateTopic] + availability.sources.map(\.topic) }
}
