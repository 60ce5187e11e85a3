package import Core
import CoreMetrics
package import Logging
package import MQTTTransport
import Realtime
import Storage
package import Telemetry

/// A pipeline that decodes, commits and publishes the broker's batches of messages.
///
///     MQTTClient's thread ──▶ accept(batch) ──▶ decode ──▶ one transaction ──▶ DataStreamService ──▶ Hub
///                                  ▲                                                  │
///                                  └────────────── waits while full ◀─────────────────┘
///
/// Runs synchronously on the MQTT client's thread. Broker order is therefore commit order and publish order, and
/// nothing is acknowledged before it is committed. A message that cannot be decoded becomes a dead letter, is counted
/// by reason and logged at a limited rate. The rest of its batch is ingested.
package final class IngestPipeline: MQTTBatchHandler {
    /// Counts since the start, for the log line at exit.
    package struct Totals: Sendable, Equatable {
        package var messages = 0
        package var readings = 0
        package var failures = 0
        /// Messages on status topics. They count neither as readings nor as failures.
        package var statuses = 0
        /// Messages that carry no reading by their convention. They are no failures.
        package var ignored = 0
    }

    private struct State {
        var decoder: TelemetryDecoder
        var clocks: ClockOffsetEstimator
        /// The filters of earlier routes. The broker may still deliver messages that it queued for them.
        var removedFilters: [TopicFilter] = []
        var totals = Totals()
        /// A rate-limited log for each reason, so that a frequent reason does not suppress the log of the others.
        var failureLogs: [String: RateLimitedLogger] = [:]
    }

    /// The most filters of earlier routes to remember. The latest are kept.
    private static let maxRemovedFilters = 1000

    private let state: Lock<State>
    private let store: IngestStore
    private let stream: DataStreamService
    private let entry: EntryTracer
    private let latency: LatencyService?
    private let clockService: ClockService?
    private let entities: EntityDiscovery?
    private let lastMessages: LastMessages?
    private let ignoredFields: IgnoredFields
    private let metrics: IngestMetrics
    private let clock: any WallClock
    private let logger: Logger

    /// Creates a pipeline that decodes with `decoder`, writes to `store` and publishes to `stream`.
    ///
    /// - Parameters:
    ///   - entry: Starts the traces of messages.
    ///   - latency: Records the latency of readings.
    ///   - clocks: Estimates the offsets of devices' clocks.
    ///   - lastMessages: Keeps the last message of each device.
    ///   - clockService: Answers devices that ask for the time. `nil` treats their requests like any other message.
    ///   - entities: Reads what devices announce for Home Assistant. `nil` treats this like any other message.
    ///   - ignoredFields: Records the fields of payloads that become no metric.
    package init(
        decoder: TelemetryDecoder,
        store: IngestStore,
        stream: DataStreamService,
        entry: EntryTracer,
        latency: LatencyService? = nil,
        clocks: ClockOffsetEstimator = ClockOffsetEstimator(),
        clockService: ClockService? = nil,
        entities: EntityDiscovery? = nil,
        lastMessages: LastMessages? = nil,
        ignoredFields: IgnoredFields = IgnoredFields(),
        metrics: IngestMetrics,
        clock: any WallClock = SystemWallClock(),
        logger: Logger
    ) {
        self.state = Lock(State(decoder: decoder, clocks: clocks))
        self.store = store
        self.clockService = clockService
        self.entities = entities
        self.lastMessages = lastMessages
        self.ignoredFields = ignoredFields
        self.stream = stream
        self.entry = entry
        self.latency = latency
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
    }

    package var totals: Totals { state.withLock { $0.totals } }

    /// Decodes all later batches by other routes. Messages that still arrive for a removed route are counted as failures,
    /// but become no dead letters.
    package func replaceRoutes(
        _ routes: [TopicRoute], statusRoutes: [StatusRoute], discovered: DiscoveredTopics?
    ) {
        state.withLock { state in
            let filters = Set(routes.map(\.filter) + statusRoutes.map(\.filter))
            let earlier = state.decoder.routes.map(\.filter) + state.decoder.statusRoutes.map(\.filter)
            let known = Set(state.removedFilters)
            let removed = (state.removedFilters + earlier.filter { !known.contains($0) })
                .filter { !filters.contains($0) }
            state.removedFilters = Array(removed.suffix(Self.maxRemovedFilters))
            state.decoder.replaceRoutes(routes, statusRoutes: statusRoutes, discovered: discovered)
        }
        ignoredFields.removeAll()
    }

    /// Decodes all later batches with other announced topics.
    package func replaceDiscovered(_ topics: DiscoveredTopics) {
        state.withLock { $0.decoder.replaceDiscovered(topics) }
    }

    package func sessionStarted() {
        do {
            try store.sessionStarted()
        } catch {
            // The next batch tries again before anything of it is accepted.
            logger.warning("The deliveries of an earlier session could not be removed", metadata: ["error": "\(error)"])
        }
    }

    /// Decodes, commits and publishes a batch. Returns when all its readings and statuses are in the hub's mailboxes.
    ///
    /// - Throws: ``StorageError``. Messages that were not committed by then must be redelivered.
    package func accept(_ batch: MQTTBatch) throws {
        let receivedAt = clock.now()
        stream.waitForCapacity()
        var tracing = IngestTracing(entry: entry)
        do {
            let items = decode(try store.newMessages(of: batch), receivedAt: receivedAt, &tracing)
            try ingest(items[...], receivedAt: receivedAt)
        } catch {
            tracing.finish(error, at: clock.now())
            throw StorageError(error)
        }
        let now = clock.now()
        tracing.finish(at: now)
        metrics.processed(batch.messages.count, in: now.since(receivedAt))
    }

    // MARK: Committing and publishing

    /// Commits and publishes the items. When the database rejects their content, each half is tried separately until
    /// the offending message is found, so that one message never blocks the others.
    private func ingest(_ items: ArraySlice<IngestItem>, receivedAt: Timestamp) throws {
        if items.isEmpty { return }
        do {
            try store.commit(items, receivedAt: receivedAt) { commit in
                count(items)
                lastMessages?.record(items)
                publish(items, commit)
            }
        } catch {
            let failure = StorageError(error)
            if failure.isStorageAtFault { throw error }
            guard items.count > 1 else { return try reject(items, failure, receivedAt: receivedAt) }
            let middle = items.startIndex + items.count / 2
            try ingest(items[..<middle], receivedAt: receivedAt)
            try ingest(items[middle...], receivedAt: receivedAt)
        }
    }

    private func reject(_ items: ArraySlice<IngestItem>, _ failure: StorageError, receivedAt: Timestamp) throws {
        guard let item = items.first else { return }
        try store.storeRejected(item, failure, receivedAt: receivedAt)
        metrics.countFailure(IngestStore.notStorable)
        state.withLock { state in
            state.totals.messages += 1
            state.totals.failures += 1
            logFailure(IngestStore.notStorable, "\(failure)", of: item.message, at: receivedAt, in: &state)
        }
    }

    /// Publishes readings and statuses in the broker's order: a reading after a last will brings the device back
    /// online, a reading before it does not. Consecutive messages of one kind are published together.
    private func publish(_ items: ArraySlice<IngestItem>, _ commit: CommitTimes?) {
        var readings: [IngestedReading] = []
        var statuses: [StatusReport] = []
        readings.reserveCapacity(items.count)
        func publishReadings() {
            if readings.isEmpty { return }
            stream.publish(readings)
            latency?.processed(readings, at: clock.now())
            readings.removeAll(keepingCapacity: true)
        }
        func publishStatuses() {
            if statuses.isEmpty { return }
            stream.publish(statuses)
            statuses.removeAll()
        }
        for item in items {
            switch item.content {
            case .readings(let more):
                publishStatuses()
                for var reading in more {
                    reading.messageTrace?.stages?.commitStartedAt = commit?.startedAt
                    reading.messageTrace?.stages?.committedAt = commit?.endedAt
                    readings.append(reading)
                }
            case .statuses(let reports):
                if reports.isEmpty { continue }
                publishReadings()
                statuses += reports
            case .failed, .ignored, .answered, .dropped: continue
            }
        }
        publishReadings()
        publishStatuses()
    }

    // MARK: Decoding

    private func decode(
        _ messages: [MQTTMessage], receivedAt: Timestamp, _ tracing: inout IngestTracing
    ) -> [IngestItem] {
        var startedAt = clock.now()
        return state.withLock { state in
            var items: [IngestItem] = []
            items.reserveCapacity(messages.count)
            for message in messages {
                if clockService?.answer(message, receivedAt: receivedAt) == true
                    || entities?.receive(message, at: receivedAt) == true
                {
                    if message.qos == .atLeastOnce { items.append(IngestItem(message: message, content: .answered)) }
                    continue
                }
                let origin = Self.traceContext(of: message)
                var ignored: [IgnoredFieldReport] = []
                do throws(DecodeError) {
                    let decoded = try state.decoder.decodeMessage(
                        topic: message.topic,
                        payload: message.payload,
                        receivedAt: receivedAt,
                        isRetained: message.isRetained,
                        trace: origin,
                        reportIgnored: { ignored.append($0) })
                    try decoded.checkNames()
                    let decodedAt = clock.now()
                    var stages = PipelineTimestamps(
                        receivedAt: receivedAt, decodeStartedAt: startedAt, decodedAt: decodedAt,
                        publishedAt: decodedAt)
                    startedAt = decodedAt
                    switch decoded {
                    case .readings(let readings):
                        for reading in readings { stages.sentAt = state.clocks.sendTime(of: reading) }
                        let parent = tracing.decoded(
                            message, readings: readings, pattern: state.decoder.pattern(ofTopic: message.topic),
                            stages: stages)
                        items.append(
                            IngestItem(
                                message: message,
                                content: .readings(
                                    readings.map {
                                        IngestedReading(
                                            $0, messageTrace: Self.messageTrace(of: $0, stages, under: parent))
                                    }),
                                ignored: ignored,
                                trace: (parent ?? origin)?.traceIDText))
                    case .status(let report): items.append(IngestItem(message: message, content: .statuses([report])))
                    case .statuses(let reports):
                        items.append(IngestItem(message: message, content: .statuses(reports)))
                    case .clearedStatus: items.append(IngestItem(message: message, content: .statuses([])))
                    case .ignored: items.append(IngestItem(message: message, content: .ignored))
                    }
                } catch {
                    startedAt = clock.now()
                    if case .dropped = error {
                        items.append(IngestItem(message: message, content: .dropped))
                        continue
                    }
                    let span = tracing.failed(message, from: origin, error, receivedAt: receivedAt)
                    logFailure(error.reason, "\(error)", of: message, at: receivedAt, in: &state)
                    var item = IngestItem(
                        message: message, content: .failed(error), trace: (span ?? origin)?.traceIDText)
                    if case .noRoute = error {
                        item.keepsLetter = !state.removedFilters.contains { $0.matches(message.topic) }
                    }
                    items.append(item)
                }
            }
            return items
        }
    }

    private static func messageTrace(
        of reading: Reading, _ stages: PipelineTimestamps, under parent: TraceContext?
    ) -> MessageTrace {
        // A retained reading may be of any age, so its latency is meaningless.
        let isLive = !reading.isRetained
        return MessageTrace(
            subject: reading.device.rawValue, parent: parent, origin: reading.trace, stages: isLive ? stages : nil)
    }

    /// Counts items after their commit, so that a redelivered batch is not counted twice.
    private func count(_ items: ArraySlice<IngestItem>) {
        var added = Totals()
        var implausible = 0
        var retained = 0
        for item in items {
            added.messages += 1
            switch item.content {
            case .readings(let readings):
                added.readings += readings.count
                for ingested in readings {
                    if ingested.reading.implausibleDeviceTime != nil { implausible += 1 }
                    if ingested.reading.isRetained { retained += 1 }
                }
            case .statuses: added.statuses += 1
            case .ignored: added.ignored += 1
            case .failed(let error):
                added.failures += 1
                metrics.countFailure(error.reason)
            case .answered: added.messages -= 1
            case .dropped: break
            }
        }
        ignoredFields.record(items.lazy.flatMap(\.ignored))
        metrics.messages.increment(by: added.messages)
        metrics.readings.increment(by: added.readings)
        if added.statuses > 0 { metrics.statuses.increment(by: added.statuses) }
        if added.ignored > 0 { metrics.ignored.increment(by: added.ignored) }
        if implausible > 0 { metrics.implausibleTimes.increment(by: implausible) }
        if retained > 0 { metrics.retained.increment(by: retained) }
        state.withLock { state in
            state.totals.messages += added.messages
            state.totals.readings += added.readings
            state.totals.failures += added.failures
            state.totals.statuses += added.statuses
            state.totals.ignored += added.ignored
        }
    }

    private static func traceContext(of message: MQTTMessage) -> TraceContext? {
        guard !message.userProperties.isEmpty,
            let parent = message.userProperties.first(where: { $0.name == "traceparent" })
        else { return nil }
        let state = message.userProperties.first { $0.name == "tracestate" }
        return TraceContext(traceparent: parent.value, state: state?.value)
    }

    private func logFailure(
        _ reason: String, _ detail: String, of message: MQTTMessage, at now: Timestamp, in state: inout State
    ) {
        let log = state.failureLogs[reason] ?? RateLimitedLogger(logger)
        state.failureLogs[reason] = log
        log.warning(
            "A payload was rejected",
            metadata: [
                "topic": "\(message.topic.prefix(256))", "reason": "\(reason)", "detail": "\(detail)",
                "bytes": "\(message.payload.count)",
            ], at: now)
    }
}

extension DecodedMessage {
    /// Rejects a message that contains a name in non-normalized Unicode.
    ///
    /// - Throws: ``DecodeError``.
    func checkNames() throws(DecodeError) {
        switch self {
        case .readings(let readings):
            for reading in readings {
                try Self.check(reading.device, in: [reading.room])
                for metric in reading.metrics where !metric.name.isInNormalForm { throw .badMetric(metric.name) }
            }
        case .status(let report): try Self.check(report.device, in: report.rooms)
        case .statuses(let reports):
            for report in reports { try Self.check(report.device, in: report.rooms) }
        case .clearedStatus, .ignored: break
        }
    }

    private static func check(_ device: DeviceID, in rooms: [String]) throws(DecodeError) {
        guard device.rawValue.isInNormalForm, rooms.allSatisfy(\.isInNormalForm) else {
            throw .badDevice(device.rawValue)
        }
    }
}
