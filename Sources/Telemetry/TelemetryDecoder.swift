/// Makes readings and statuses of MQTT messages: the routes, the conventions and the time policy in one place.
///
///     topic ──▶ route, device, room (cached) ──┬▶ convention's decoder ──▶ time policy ──▶ readings
///     payload ─────────────────────────────────┴▶ status words ──────────────────────────▶ status
///
/// A value that its owner keeps on one thread; decoding changes only the cache.
package struct TelemetryDecoder {
    /// How many topics are remembered; when a further one comes, all are forgotten.
    package static let cachedTopicLimit = 65_536
    /// Longer topics are worked out anew each time.
    package static let cachedTopicByteCount = 512
    /// About what remembered topics may take in memory; when it is more, all are forgotten.
    package static let cacheByteLimit = 48 << 20

    /// The two kinds of topics.
    private enum Meaning {
        case readings(ResolvedTopic)
        case status(ResolvedStatusTopic)
    }

    package let routes: [TopicRoute]
    /// Topics of these are statuses, also where one of ``routes`` matches.
    package let statusRoutes: [StatusRoute]
    package let limits: DecodingLimits
    package let timePolicy: TimePolicy

    private var cache: [ExactString: Meaning] = [:]
    private var cacheByteCount = 0

    /// A decoder for topics of `routes` and `statusRoutes`, of which the first that matches a topic decides.
    package init(
        routes: [TopicRoute] = TopicRoute.defaults,
        statusRoutes: [StatusRoute] = StatusRoute.defaults,
        limits: DecodingLimits = DecodingLimits(),
        timePolicy: TimePolicy = TimePolicy()
    ) {
        self.routes = routes
        self.statusRoutes = statusRoutes
        self.limits = limits
        self.timePolicy = timePolicy
    }

    /// What to subscribe to for statuses, beside the filters of ``routes``.
    package var statusFilters: [TopicFilter] {
        statusRoutes.filters(for: routes, besides: routes.map(\.filter))
    }

    /// What one message is: readings, or a status.
    ///
    /// `trace` is what the message's user properties say; it wins over a context inside the payload. Throws when no
    /// route matches or any part of the payload is wrong; then the message gives nothing at all.
    package mutating func decodeMessage(
        topic: String,
        payload: [UInt8],
        receivedAt: Timestamp,
        isRetained: Bool = false,
        trace: TraceContext? = nil
    ) throws(DecodeError) -> DecodedMessage {
        switch try meaning(of: topic) {
        case .readings(let topic):
            return .readings(
                try readings(
                    of: payload, to: topic, receivedAt: receivedAt, isRetained: isRetained, trace: trace))
        case .status(let topic):
            return try topic.decode(payload, receivedAt: receivedAt, isRetained: isRetained, limits: limits)
        }
    }

    /// The readings of one message in the payload's order; at least one.
    ///
    /// As ``decodeMessage(topic:payload:receivedAt:isRetained:trace:)``, which it is short for where only readings
    /// matter: a status topic throws ``DecodeError/notAReading(topic:)``.
    package mutating func decode(
        topic: String,
        payload: [UInt8],
        receivedAt: Timestamp,
        isRetained: Bool = false,
        trace: TraceContext? = nil
    ) throws(DecodeError) -> [Reading] {
        guard case .readings(let resolved) = try meaning(of: topic) else { throw .notAReading(topic: topic) }
        return try readings(of: payload, to: resolved, receivedAt: receivedAt, isRetained: isRetained, trace: trace)
    }

    /// The pattern of the route that a topic of readings belongs to, if it is remembered: few names for many topics.
    package func pattern(ofTopic topic: String) -> String? {
        guard topic.utf8.count <= Self.cachedTopicByteCount, case .readings(let resolved) = cache[ExactString(topic)]
        else {
            return nil
        }
        return resolved.pattern
    }

    private func readings(
        of payload: [UInt8], to topic: ResolvedTopic, receivedAt: Timestamp, isRetained: Bool, trace: TraceContext?
    ) throws(DecodeError) -> [Reading] {
        var context = topic.context
        context.receivedAt = receivedAt
        let decoded = try topic.decode(payload, context: context)
        guard decoded.reduce(0, { $0 + $1.metrics.count }) <= limits.maxMetricsPerPayload else {
            throw .tooManyValues(limit: limits.maxMetricsPerPayload)
        }
        var readings: [Reading] = []
        readings.reserveCapacity(decoded.count)
        for reading in decoded {
            let times = timePolicy.decide(deviceTime: reading.deviceTime, receivedAt: receivedAt)
            readings.append(
                Reading(
                    device: reading.device,
                    room: topic.room(of: reading.device),
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
    private mutating func meaning(of topic: String) throws(DecodeError) -> Meaning {
        // Hashing a long topic could take longer than working it out.
        let isCached = topic.utf8.count <= Self.cachedTopicByteCount
        if isCached, let known = cache[ExactString(topic)] { return known }
        let meaning: Meaning
        if let status = try ResolvedStatusTopic(topic, statusRoutes: statusRoutes, routes: routes) {
            meaning = .status(status)
        } else {
            meaning = .readings(try ResolvedTopic(topic, routes: routes, limits: limits))
        }
        if isCached {
            // The topic itself, what it captures and the room that is made of it.
            let byteCount = 384 + 4 * topic.utf8.count
            if cache.count >= Self.cachedTopicLimit || cacheByteCount + byteCount > Self.cacheByteLimit {
                cache.removeAll(keepingCapacity: true)
                cacheByteCount = 0
            }
            cacheByteCount += byteCount
            cache[ExactString(topic)] = meaning
        }
        return meaning
    }
}

extension TelemetryDecoder {
    /// How many topics are remembered now.
    var cachedTopicCount: Int { cache.count }
}
