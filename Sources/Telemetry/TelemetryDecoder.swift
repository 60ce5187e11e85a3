package import Core

/// A decoder that turns MQTT messages into readings and statuses. It combines routes, payload conventions and the time
/// policy.
///
///     topic ──▶ route, device, room (cached) ──┬▶ convention's decoder ──▶ time policy ──▶ readings
///     payload ─────────────────────────────────┴▶ status words ──────────────────────────▶ status
///
/// It is a value that its owner keeps on one thread. Decoding changes only the cache.
package struct TelemetryDecoder {
    /// The maximum number of cached topics. When another one is added, the whole cache is cleared.
    package static let cachedTopicLimit = 65_536
    /// The length in bytes above which topics are not cached but resolved for every message.
    package static let cachedTopicByteCount = 512
    /// The approximate memory limit of the cache. When it is exceeded, the whole cache is cleared.
    package static let cacheByteLimit = 48 << 20

    /// The kind of a topic, with everything that the routes say about it.
    private enum Meaning {
        case readings(ResolvedTopic)
        case status(ResolvedStatusTopic)
        case state([DiscoveredTopics.Binding])
        case availability([DiscoveredTopics.DeviceAvailability])
    }

    package private(set) var routes: [TopicRoute]
    /// The status routes. A topic that matches one is a status topic, even if one of ``routes`` matches it too.
    package private(set) var statusRoutes: [StatusRoute]
    package let limits: DecodingLimits
    package let timePolicy: TimePolicy

    /// The topics of entities that devices have announced; `nil` when announcements are not read. Routes come first.
    package private(set) var discovered: DiscoveredTopics?

    private var availability = AvailabilityTracker()
    private var cache: [ExactString: Meaning] = [:]
    private var cacheByteCount = 0

    /// Creates a decoder. The first matching route decides about a topic, and status routes come before ``routes``.
    package init(
        routes: [TopicRoute] = TopicRoute.defaults,
        statusRoutes: [StatusRoute] = StatusRoute.defaults,
        limits: DecodingLimits = DecodingLimits(),
        timePolicy: TimePolicy = TimePolicy(),
        discovered: DiscoveredTopics? = nil
    ) {
        self.routes = routes
        self.statusRoutes = statusRoutes
        self.limits = limits
        self.timePolicy = timePolicy
        self.discovered = discovered
    }

    /// Replaces the topics of announced entities. What is known of their availability stays, because the broker does not
    /// send it again.
    package mutating func replaceDiscovered(_ topics: DiscoveredTopics) {
        discovered = topics
        availability.keep(topics)
        cache.removeAll()
        cacheByteCount = 0
    }

    /// Replaces the routes, and with them the topics of announced entities that no route takes.
    package mutating func replaceRoutes(
        _ routes: [TopicRoute], statusRoutes: [StatusRoute], discovered: DiscoveredTopics?
    ) {
        self.routes = routes
        self.statusRoutes = statusRoutes
        if let discovered { return replaceDiscovered(discovered) }
        self.discovered = nil
        cache.removeAll()
        cacheByteCount = 0
    }

    /// The filters to subscribe to for statuses, in addition to those of ``routes``.
    package var statusFilters: [TopicFilter] {
        statusRoutes.filters(for: routes, besides: routes.map(\.filter))
    }

    /// Decodes one message into readings or a status, or recognizes it as neither.
    ///
    /// - Parameters:
    ///   - trace: The trace context from the message's user properties; it wins over one inside the payload.
    ///   - reportIgnored: Called for readings whose payload had texts or arrays that became no metric, with at most
    ///     ``IgnoredField/maximumCount`` fields per message.
    /// - Throws: ``DecodeError`` if no route matches or any part of the payload is invalid. The whole message is then
    ///   rejected.
    package mutating func decodeMessage(
        topic: String,
        payload: [UInt8],
        receivedAt: Timestamp,
        isRetained: Bool = false,
        trace: TraceContext? = nil,
        reportIgnored: (IgnoredFieldReport) -> Void = { _ in }
    ) throws(DecodeError) -> DecodedMessage {
        let meaning: Meaning
        do throws(DecodeError) {
            meaning = try self.meaning(of: topic)
        } catch {
            // After a restart, messages may arrive before the announcement of their entity, or after its removal.
            if case .noRoute = error, discovered != nil { return .ignored }
            throw error
        }
        switch meaning {
        case .readings, .state:
            do throws(DecodeError) {
                return .readings(
                    try readings(
                        of: payload, to: topic, meaning, receivedAt: receivedAt, isRetained: isRetained, trace: trace,
                        reportIgnored: reportIgnored))
            } catch {
                if case .notAReading = error { return .ignored }
                throw error
            }
        case .availability(let devices):
            if payload.isEmpty { return .clearedStatus }
            let reports = try availability.receive(payload, topic: topic, devices, limits: limits).map { report in
                StatusReport(
                    device: report.device.device, rooms: [report.device.room], isOnline: report.isOnline,
                    receivedAt: receivedAt, isRetained: isRetained)
            }
            return reports.isEmpty ? .ignored : .statuses(reports)
        case .status(let topic):
            return try topic.decode(payload, receivedAt: receivedAt, isRetained: isRetained, limits: limits)
        }
    }

    /// Decodes the readings of one message, in payload order; at least one.
    ///
    /// A shorthand for ``decodeMessage(topic:payload:receivedAt:isRetained:trace:reportIgnored:)`` where only readings matter. A
    /// status topic throws ``DecodeError/notAReading(topic:)``.
    package mutating func decode(
        topic: String,
        payload: [UInt8],
        receivedAt: Timestamp,
        isRetained: Bool = false,
        trace: TraceContext? = nil
    ) throws(DecodeError) -> [Reading] {
        // Looked up first: as an argument it would change a copy of the decoder, with a copy of the whole cache.
        let meaning = try meaning(of: topic)
        return try readings(
            of: payload, to: topic, meaning, receivedAt: receivedAt, isRetained: isRetained, trace: trace,
            reportIgnored: { _ in })
    }

    /// Returns the route pattern of a cached telemetry topic, else `nil`. Many topics share a pattern, so it serves as
    /// a label with few values.
    package func pattern(ofTopic topic: String) -> String? {
        guard topic.utf8.count <= Self.cachedTopicByteCount, case .readings(let resolved) = cache[ExactString(topic)]
        else {
            return nil
        }
        return resolved.pattern
    }

    /// The current number of cached topics.
    var cachedTopicCount: Int { cache.count }

    private func readings(
        of payload: [UInt8], to name: String, _ meaning: Meaning, receivedAt: Timestamp, isRetained: Bool,
        trace: TraceContext?, reportIgnored: (IgnoredFieldReport) -> Void
    ) throws(DecodeError) -> [Reading] {
        let decoded: [DecodedReading]
        let room: (DeviceID) -> String
        switch meaning {
        case .readings(let topic):
            var context = topic.context
            context.receivedAt = receivedAt
            decoded = try topic.decode(payload, context: context)
            room = { topic.room(of: $0) }
        case .state(let bindings):
            decoded = try DiscoveredTopics.decode(
                payload, bindings, context: DecodingContext(topic: name, receivedAt: receivedAt, limits: limits))
            let template = discovered?.room ?? .standard
            room = { template.room(device: $0, captures: [:]) }
        case .status, .availability: throw .notAReading(topic: name)
        }
        guard decoded.reduce(0, { $0 + $1.metrics.count }) <= limits.maxMetricsPerPayload else {
            throw .tooManyValues(limit: limits.maxMetricsPerPayload)
        }
        var readings: [Reading] = []
        readings.reserveCapacity(decoded.count)
        var remaining = IgnoredField.maximumCount
        for reading in decoded {
            let times = timePolicy.decide(deviceTime: reading.deviceTime, receivedAt: receivedAt)
            let room = room(reading.device)
            if !reading.ignored.isEmpty, remaining > 0 {
                let fields = Array(reading.ignored.prefix(remaining))
                remaining -= fields.count
                reportIgnored(IgnoredFieldReport(device: reading.device, room: room, fields: fields))
            }
            readings.append(
                Reading(
                    device: reading.device,
                    room: room,
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

    /// Resolves a topic by the routes, or returns the cached result.
    private mutating func meaning(of topic: String) throws(DecodeError) -> Meaning {
        // Hashing a long topic could take longer than resolving it.
        let isCached = topic.utf8.count <= Self.cachedTopicByteCount
        if isCached, let known = cache[ExactString(topic)] { return known }
        let meaning: Meaning
        if let status = try ResolvedStatusTopic(topic, statusRoutes: statusRoutes, routes: routes) {
            meaning = .status(status)
        } else if let devices = discovered?.availability[ExactString(topic)] {
            meaning = .availability(devices)
        } else if let bindings = discovered?.states[ExactString(topic)] {
            meaning = .state(bindings)
        } else {
            meaning = .readings(
                try ResolvedTopic(
                    topic, routes: routes, limits: limits, units: discovered?.units[ExactString(topic)] ?? [:]))
        }
        if isCached {
            // An estimate that covers the topic itself, its captures and the room made of it.
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

/// The decoded content of one MQTT message.
package enum DecodedMessage: Hashable, Sendable {
    /// The readings of a telemetry topic in payload order; at least one.
    case readings([Reading])
    /// The status reported on a status topic.
    case status(StatusReport)
    /// The statuses reported on an announced topic of availability, one for each device that it is about.
    case statuses([StatusReport])
    /// An empty payload on a status topic: the retained message was cleared, which says nothing about the device.
    case clearedStatus
    /// A message that carries no reading by its convention, such as a command or the state of a bridge.
    case ignored
}
