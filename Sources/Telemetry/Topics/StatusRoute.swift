import Core

/// A mapping from status topics to devices. On a status topic a device publishes that it is online (birth message) or
/// offline (farewell message, last will).
///
/// The pattern is a ``TopicRoute`` pattern that captures `{device}`, such as `sensors/{device}/status`. A status topic
/// never carries readings, even if a telemetry route matches it too. A status route has no room of its own: statuses go
/// to the rooms of the device's readings, as set by the telemetry routes.
package struct StatusRoute: Hashable, Sendable, CustomStringConvertible {
    private let topic: TopicRoute

    /// The status routes of a gateway without configured ones: Windsock's own topic, and those of Tasmota, Zigbee2MQTT
    /// and first-generation Shelly devices.
    package static let defaults: [StatusRoute] = [
        "sensors/{device}/status", "tele/{device}/LWT", "zigbee2mqtt/{device}/availability", "shellies/{device}/online",
    ].compactMap { try? StatusRoute(pattern: $0) }

    /// Creates a status route.
    ///
    /// - Throws: ``TopicError`` if the pattern is not a valid topic pattern or does not capture `{device}`.
    package init(pattern: String) throws(TopicError) {
        topic = try TopicRoute(pattern: pattern)
        guard topic.captureNames.contains("device") else { throw TopicError(.route, pattern, .noDevice) }
    }

    /// The pattern as configured.
    package var pattern: String { topic.pattern }
    /// The subscription filter: the pattern with `+` in place of every capture.
    package var filter: TopicFilter { topic.filter }
    package var description: String { pattern }

    /// Returns the values of the pattern's captures in `topic`, or `nil` if the topic does not match.
    func captures(in topic: String) -> [String: String]? {
        self.topic.captures(in: topic)
    }

    /// Returns the room templates of `routes` that this pattern's captures can fill, in route order and without
    /// duplicates.
    ///
    /// If the result is empty, the rooms of the devices cannot be determined, so the status route has no effect.
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
    /// Returns the device whose status topic this is; `nil` when no status route matches.
    package func device(ofTopic topic: String) -> String? {
        lazy.compactMap { $0.captures(in: topic) }.first?["device"]
    }

    /// Returns the filters to subscribe to in addition to `subscribed`, so that every usable status arrives exactly
    /// once.
    ///
    /// It leaves out filters covered by others, and status routes without any usable room template in `routes`. A
    /// shared subscription in `subscribed` covers no status filter, because every gateway of a group needs all
    /// statuses.
    package func filters(for routes: [TopicRoute], besides subscribed: [TopicFilter]) -> [TopicFilter] {
        let needed = filter { !$0.rooms(of: routes).isEmpty }.map(\.filter)
        return TopicFilter.minimal(needed).filter { filter in !subscribed.contains { $0.covers(filter) } }
    }
}
