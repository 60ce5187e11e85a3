package import Telemetry

/// A topic filter to subscribe to, with the best quality of service to ask for.
package struct MQTTSubscription: Sendable, Hashable {
    package var filter: TopicFilter
    package var qos: MQTTQoS
    /// Whether the client is as good without it: a broker that refuses it is only logged.
    package var isOptional: Bool

    package init(filter: TopicFilter, qos: MQTTQoS = .atLeastOnce, isOptional: Bool = false) {
        self.filter = filter
        self.qos = qos
        self.isOptional = isOptional
    }

    /// The subscriptions to make so that no message arrives twice: a filter that another one covers is left out, and
    /// lends that one its quality of service when it is the better one.
    package static func minimal(_ subscriptions: [MQTTSubscription]) -> [MQTTSubscription] {
        TopicFilter.minimal(subscriptions.map(\.filter)).map { filter in
            let covered = subscriptions.filter { filter.covers($0.filter) }
            let qos: MQTTQoS = covered.contains { $0.qos == .atLeastOnce } ? .atLeastOnce : .atMostOnce
            return MQTTSubscription(filter: filter, qos: qos, isOptional: covered.allSatisfy(\.isOptional))
        }
    }
}
