package import Core
package import Logging
package import MQTTTransport
package import Telemetry

/// Reads what devices announce for Home Assistant, and says which topics to subscribe to because of it.
///
///     discovery messages ──▶ receive ──▶ EntityRegistry ──takeUpdate, once a second──▶ IngestPipeline, MQTTClient
///
/// However many announcements arrive, subscriptions change at most once per update. Thread-safe.
package final class EntityDiscovery: Sendable {
    package struct Configuration: Sendable {
        /// The first levels of discovery topics.
        package var prefix: String
        /// The rooms of devices whose topics no route takes. The template has no capture except `{device}`.
        package var room: RoomTemplate
        /// The share group of subscriptions to state topics.
        package var shareGroup: String?
        /// The topics that no announcement may name, such as the gateway's own.
        package var reserved: [TopicFilter]

        package init(
            prefix: String = "homeassistant", room: RoomTemplate = .standard, shareGroup: String? = nil,
            reserved: [TopicFilter] = []
        ) {
            self.prefix = prefix
            self.room = room
            self.shareGroup = shareGroup
            self.reserved = reserved
        }

        /// The subscriptions to discovery messages. The broker sends the retained ones after every connect, because the
        /// registry is only in memory.
        package var subscriptions: [MQTTSubscription] {
            ["+/+/config", "+/+/+/config"].compactMap { try? TopicFilter("\(prefix)/\($0)") }
                .map { MQTTSubscription(filter: $0, qos: .atMostOnce, isOptional: true, wantsRetained: true) }
        }
    }

    /// The routes and subscriptions that do not depend on announcements.
    package struct Base: Sendable {
        package var routes: [TopicRoute]
        package var statusRoutes: [StatusRoute]
        package var subscriptions: [MQTTSubscription]

        package init(routes: [TopicRoute], statusRoutes: [StatusRoute], subscriptions: [MQTTSubscription]) {
            self.routes = routes
            self.statusRoutes = statusRoutes
            self.subscriptions = subscriptions
        }
    }

    /// The announced topics, and all subscriptions that the gateway needs.
    package struct Update: Sendable {
        package let topics: DiscoveredTopics
        package let subscriptions: [MQTTSubscription]
    }

    private struct State {
        var registry: EntityRegistry
        var base: Base
        var hasChanged = false
        /// The problems that were logged, so that each is logged once.
        var logged: Set<ExactString> = []
    }

    /// The maximum number of problems that are logged one by one.
    private static let maximumLoggedCount = 1000

    private let configuration: Configuration
    private let state: Lock<State>
    private let logger: Logger
    private let excess: RateLimitedLogger

    package init(_ configuration: Configuration, base: Base, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        excess = RateLimitedLogger(logger)
        state = Lock(
            State(
                registry: EntityRegistry(prefix: configuration.prefix, reserved: configuration.reserved), base: base))
    }

    /// Takes a discovery message. Returns false for other messages.
    package func receive(_ message: MQTTMessage, at now: Timestamp) -> Bool {
        // Most messages are none, and need no lock.
        guard message.topic.utf8.starts(with: configuration.prefix.utf8), message.topic.hasSuffix("/config") else {
            return false
        }
        let outcome: (problems: [HomeAssistantProblem], isFull: Bool)? = state.withLock { state in
            guard let outcome = state.registry.receive(topic: message.topic, payload: message.payload) else {
                return nil
            }
            if outcome.hasChanged { state.hasChanged = true }
            let problems = outcome.problems.filter { problem in
                state.logged.count >= Self.maximumLoggedCount
                    || state.logged.insert(ExactString(problem.description)).inserted
            }
            return (problems, state.logged.count >= Self.maximumLoggedCount)
        }
        guard let outcome else { return false }
        for problem in outcome.problems {
            let metadata: Logger.Metadata = [
                "device": "\(problem.device.prefix(128))", "entity": "\(problem.entity.prefix(128))",
                "reason": "\(problem.what)",
            ]
            if outcome.isFull {
                excess.warning("Entities of Home Assistant are not read", metadata: metadata, at: now)
            } else {
                logger.notice("An entity of Home Assistant is not read", metadata: metadata)
            }
        }
        return true
    }

    /// Returns what has changed since the last call; `nil` if nothing has.
    package func takeUpdate() -> Update? {
        let changed: (EntityRegistry, Base)? = state.withLock { state in
            guard state.hasChanged else { return nil }
            state.hasChanged = false
            return (state.registry, state.base)
        }
        return changed.map(update)
    }

    /// Replaces the routes. The next ``takeUpdate()`` repeats the result: an update that was
    /// taken before this call may be applied after it.
    package func replaceBase(_ base: Base) -> Update {
        let registry = state.withLock { state in
            state.base = base
            state.hasChanged = true
            return state.registry
        }
        return update(registry, base)
    }

    private func update(_ registry: EntityRegistry, _ base: Base) -> Update {
        let topics = DiscoveredTopics(
            registry.entities, room: configuration.room, routes: base.routes, statusRoutes: base.statusRoutes)
        let group = configuration.shareGroup.map { "$share/\($0)/" }
        let states = topics.topics.compactMap { topic in
            // Every gateway of a share group needs all statuses.
            let isShared = !topics.isAvailability(topic)
            return (try? TopicFilter((isShared ? group ?? "" : "") + topic)).map {
                MQTTSubscription(filter: $0, isOptional: true)
            }
        }
        return Update(topics: topics, subscriptions: base.subscriptions + states)
    }
}
