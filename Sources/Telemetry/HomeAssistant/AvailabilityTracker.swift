import Core

/// The latest availability that each announced source has reported, from which the statuses of devices follow.
struct AvailabilityTracker {
    private struct State {
        var isAvailable: Bool
        /// Increases with every report.
        var order: Int
    }

    private var states: [EntityAvailability.Source: State] = [:]
    private var lastOrder = 0

    /// Takes a message to a topic of availability. Returns the devices whose status is known, with the status.
    mutating func receive(
        _ payload: [UInt8], topic: String, _ devices: [DiscoveredTopics.DeviceAvailability], limits: DecodingLimits
    ) throws(DecodeError) -> [(device: DiscoveredTopics.DeviceAvailability, isOnline: Bool)] {
        let message = try DiscoveredTopics.Message(payload, limits: limits)
        lastOrder += 1
        var seen: Set<EntityAvailability.Source> = []
        for source in devices.lazy.flatMap(\.rules).flatMap(\.sources)
        where ExactString(source.topic) == ExactString(topic) && seen.insert(source).inserted {
            guard let isAvailable = source.isAvailable(in: message.text, json: message.json) else { continue }
            states[source] = State(isAvailable: isAvailable, order: lastOrder)
        }
        return devices.compactMap { device in
            let known = device.rules.compactMap(isAvailable)
            return known.isEmpty ? nil : (device, known.contains(true))
        }
    }

    /// Forgets the sources that no device has any more.
    mutating func keep(_ topics: DiscoveredTopics) {
        states = states.filter { topics.availability[ExactString($0.key.topic)] != nil }
    }

    /// Returns the availability by a rule; `nil` while nothing is known. Sources that have not reported do not count.
    private func isAvailable(_ rule: EntityAvailability) -> Bool? {
        let known = rule.sources.compactMap { states[$0] }
        switch rule.mode {
        case .all: return known.isEmpty ? nil : known.allSatisfy(\.isAvailable)
        case .any: return known.isEmpty ? nil : known.contains(where: \.isAvailable)
        case .latest: return known.max { $0.order < $1.order }?.isAvailable
        }
    }
}
