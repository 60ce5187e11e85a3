/// Topics on which devices say whether they are there: births, farewells and last wills.
///
/// A pattern is that of a ``TopicRoute`` that captures `{device}`, such as `sensors/{device}/status`. A topic of a
/// status route is never one of readings, also where a telemetry route matches it too. The room is not the status
/// route's own: it is where the telemetry routes put the device's readings.
package struct StatusRoute: Hashable, Sendable, CustomStringConvertible {
    private let topic: TopicRoute

    /// The status topics of a gateway that has none configured: our own, Tasmota's and Zigbee2MQTT's.
    package static let defaults: [StatusRoute] = [
        "sensors/{device}/status", "tele/{device}/LWT", "zigbee2mqtt/{device}/availability",
    ].compactMap { try? StatusRoute(pattern: $0) }

    /// Throws ``StatusRouteError`` when the pattern is no topic pattern, or has no `{device}`.
    package init(pattern: String) throws(StatusRouteError) {
        do throws(TopicRouteError) {
            topic = try TopicRoute(pattern: pattern)
        } catch {
            throw StatusRouteError(pattern: pattern, problem: .badTopic(error))
        }
        guard topic.captureNames.contains("device") else {
            throw StatusRouteError(pattern: pattern, problem: .noDevice)
        }
    }

    /// The pattern as it was given.
    package var pattern: String { topic.pattern }
    /// What to subscribe to: the pattern with `+` for every capture.
    package var filter: TopicFilter { topic.filter }
    package var description: String { pattern }

    /// What the pattern's captures stand for in a topic, or `nil` when the topic is not of this route.
    func captures(in topic: String) -> [String: String]? {
        self.topic.captures(in: topic)
    }

    /// The room templates of `routes` that this pattern's captures can fill, in the routes' order, each once.
    ///
    /// Empty when no route puts readings where a status of this pattern could follow: then the status route is of no
    /// use, because its devices' rooms cannot be told.
    package func rooms(of routes: [TopicRoute]) -> [RoomTemplate] {
        let names = topic.captureNames
        var templates: [RoomTemplate] = []
        for route in routes where !templates.contains(route.room) {
            let isFilled = route.room.levels.allSatisfy { level in
                if case .capture(let name) = level { names.contains(name) } else { true }
            }
            if isFilled { templates.append(route.room) }
        }
        return templates
    }
}

extension Sequence<StatusRoute> {
    /// What to subscribe to beside `subscribed`, so that every status of use arrives, once.
    ///
    /// Left out are filters within others, and status routes that no room of `routes` goes with. A shared subscription
    /// in `subscribed` covers no status: every gateway of a group needs them all.
    package func filters(for routes: [TopicRoute], besides subscribed: [TopicFilter]) -> [TopicFilter] {
        let needed = filter { !$0.rooms(of: routes).isEmpty }.map(\.filter)
        return TopicFilter.minimal(needed).filter { filter in !subscribed.contains { $0.covers(filter) } }
    }
}
