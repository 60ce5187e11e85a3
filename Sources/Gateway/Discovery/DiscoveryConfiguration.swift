import Core
package import MQTTTransport
package import Telemetry

/// The settings of topic discovery.
package struct DiscoveryConfiguration: Sendable {
    package enum Mode: String, CaseIterable, Sendable {
        case on
        case off
        /// On without configured routes, and in the demo.
        case auto
    }

    package var mode = Mode.auto
    /// The topics to sample. `#` leaves out those that begin with `$`.
    package var filter: TopicFilter

    static func read(_ settings: inout SettingsReader) -> DiscoveryConfiguration? {
        let mode = settings.choice(.discovery, Mode.allCases.map { ($0.rawValue, $0) }, fallback: .off)
        let text = settings.text(.discoveryFilter) ?? "#"
        do throws(TopicError) {
            let filter = try TopicFilter(text)
            guard filter.shareGroup == nil else {
                return settings.fail(
                    .discoveryFilter, "\"\(text)\" is a shared subscription; allowed: a filter such as # or home/#",
                    instead: nil)
            }
            return DiscoveryConfiguration(mode: mode, filter: filter)
        } catch {
            return settings.fail(.discoveryFilter, "\(error)", instead: nil)
        }
    }
}

extension GatewayConfiguration {
    /// True when the gateway samples the topics that no route takes.
    package var isDiscovering: Bool {
        switch discovery?.mode {
        case .on: true
        case .auto: routes == TopicRoute.defaults
        case .off, nil: false
        }
    }

    /// The filters of the topics that the gateway takes or publishes itself.
    var takenFilters: [TopicFilter] {
        let own = [mqtt.birth?.topic, ClockTopics.requests, ClockTopics.responses].compactMap(\.self)
        return mqtt.subscriptions.map(\.filter) + own.compactMap { try? TopicFilter($0) }
    }

    /// Returns the settings of a connection that only listens: a clean session at QoS 0, without messages of its own.
    package func listening(to filter: TopicFilter, clientID: String) -> MQTTConfiguration {
        var listening = mqtt
        listening.clientID = clientID
        listening.sessionExpiry = .zero
        listening.subscriptions = [MQTTSubscription(filter: filter, qos: .atMostOnce)]
        listening.lastWill = nil
        listening.birth = nil
        listening.farewell = nil
        listening.batchInterval = .milliseconds(50)
        listening.backoff = .init(base: .seconds(5), cap: .seconds(300))
        return listening
    }

    /// Returns the broker's address and a topic of the routes for a first reading, as the body of `GET /api/broker`.
    /// Without credentials.
    func brokerJSON(routes: [TopicRoute]) -> [UInt8] {
        var body = JSONObjectBuilder()
        body.add("host", mqtt.host)
        body.add("port", mqtt.port)
        body.add("tls", mqtt.tls != nil)
        body.add("login", mqtt.username != nil)
        if let topic = routes.lazy.compactMap(\.firstTopic).first { body.add("topic", topic) }
        return body.finished()
    }
}
