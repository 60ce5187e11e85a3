/// Makes readings of MQTT messages: the routes, the conventions and the time policy in one place.
///
///     topic ──▶ route, device, room (cached) ──┐
///     payload ─────────────────────────────────┴▶ convention's decoder ──▶ time policy ──▶ readings
///
/// A value that its owner keeps on one thread; decoding changes only the cache.
package struct TelemetryDecoder {
    /// How many topics are remembered; when a further one comes, all are forgotten.
    package static let cachedTopicLimit = 65_536
    /// Longer topics are worked out anew each time, so that the cache stays below about 50 MB.
    package static let cachedTopicByteCount = 512

    package let routes: [TopicRoute]
    package let limits: DecodingLimits
    package let timePolicy: TimePolicy

    private var cache: [String: ResolvedTopic] = [:]

    /// A decoder for topics of `routes`, of which the first that matches a topic decides.
    package init(
        routes: [TopicRoute] = TopicRoute.defaults,
        limits: DecodingLimits = DecodingLimits(),
        timePolicy: TimePolicy = TimePolicy()
    ) {
        self.routes = routes
        self.limits = limits
        self.timePolicy = timePolicy
    }

    /// The readings of one message in the payload's order; at least one.
    ///
    /// `trace` is what the message's user properties say; it wins over a context inside the payload. Throws when no
    /// route matches or any part of the payload is wrong; then the message gives no reading at all.
    package mutating func decode(
        topic: String,
        payload: [UInt8],
        receivedAt: Timestamp,
        isRetained: Bool = false,
        trace: TraceContext? = nil
    ) throws(DecodeError) -> [Reading] {
        let resolved = try resolve(topic)
        var context = resolved.context
        context.receivedAt = receivedAt
        let decoded = try resolved.decode(payload, context: context)
        var readings: [Reading] = []
        readings.reserveCapacity(decoded.count)
        for reading in decoded {
            let times = timePolicy.decide(deviceTime: reading.deviceTime, receivedAt: receivedAt)
            readings.append(
                Reading(
                    device: reading.device,
                    room: resolved.room(of: reading.device),
                    metrics: reading.metrics,
                    time: times.time,
                    receivedAt: receivedAt,
                    implausibleDeviceTime: times.implausibleDeviceTime,
                    hasDeviceTime: times.hasDeviceTime,
                    isRetained: isRetained,
                    trace: trace ?? reading.trace))
        }
        return readings
    }

    /// What the routes say of a topic, remembered.
    private mutating func resolve(_ topic: String) throws(DecodeError) -> ResolvedTopic {
        if let known = cache[topic] { return known }
        let resolved = try ResolvedTopic(topic, routes: routes, limits: limits)
        if topic.utf8.count <= Self.cachedTopicByteCount {
            if cache.count >= Self.cachedTopicLimit { cache.removeAll(keepingCapacity: true) }
            cache[topic] = resolved
        }
        return resolved
    }
}

extension TelemetryDecoder {
    /// How many topics are remembered now.
    var cachedTopicCount: Int { cache.count }
}
