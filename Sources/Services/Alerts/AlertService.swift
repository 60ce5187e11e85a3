package import AlertRules
import Core
package import CoreMetrics
package import Logging
package import Realtime
package import Storage
package import Telemetry
package import Tracing

/// Tells people when what devices measure breaks a rule.
///
///     IngestStore's transaction ──▶ evaluate ──▶ AlertTeller: alert, notifications, rooms, webhook ──▶ committed
///     once a second ──▶ tick ──────────┘                                                            └▶ published
///
/// Evaluation happens within the transactions of the one writer, so that an alert is stored with the reading behind it
/// or not at all. Thread-safe.
package final class AlertService: Sendable {
    /// What is evaluated, and how much of it.
    package struct Configuration: Sendable {
        package var rules: [AlertRule]
        /// How many times a rule may look at a device's metric at once.
        package var maxWatched: Int
        /// Whether alerts go to a webhook.
        package var hasWebhook: Bool

        package init(rules: [AlertRule] = [], maxWatched: Int = 200_000, hasWebhook: Bool = false) {
            self.rules = rules
            self.maxWatched = maxWatched
            self.hasWebhook = hasWebhook
        }
    }

    /// What evaluation has come to, and what is told of it once it is stored.
    private struct State {
        var evaluator: AlertEvaluator
        var steps = ClockSteps()
        /// By how much the clock was set since the last look, for what is stored of alerts.
        var storedStep = Duration.zero
        /// The part of it that is in the open transaction.
        var takenStep = Duration.zero
        /// Of the batch that is open.
        var counts: [AlertTransition.Kind: Int] = [:]
        var storesEvents = false
        /// Whether a tick waits for its transaction.
        var isTicking = false
    }

    /// Alerts that are read at once while looking for those that a token may see.
    private static let pageSize = 1000
    /// Pages that are looked through for one answer; a next question goes on where it ended.
    private static let maxPages = 5
    /// Webhook events that may wait to be delivered.
    package static let maxWaitingEvents = 10_000
    /// Alerts that are told in one tick because their silence is over.
    private static let maxLateTellings = 100

    private let configuration: Configuration
    private let teller: AlertTeller
    private let database: Database
    private let writer: RoomWriter
    private let hub: Hub
    private let tracer: any Tracer
    private let clock: any WallClock
    private let uptime: @Sendable () -> Duration
    private let logger: Logger
    private let transitions: [AlertTransition.Kind: Counter]
    private let state: Lock<State>
    private let wakeWebhook: @Sendable () -> Void

    /// Goes on with the alerts that the database has.
    ///
    /// - Parameters:
    ///   - uptime: Grows with the time that passes, however the clock is set.
    ///   - wakeWebhook: Called when an event for the webhook may have been stored.
    /// - Throws: what makes the database unreadable.
    package init(
        configuration: Configuration, history: HistoryConfiguration, database: Database, writer: RoomWriter, hub: Hub,
        tracer: any Tracer, factory: any MetricsFactory, clock: any WallClock = SystemWallClock(),
        uptime: @escaping @Sendable () -> Duration = ClockSteps.systemUptime,
        ids: any IDGenerator = RandomIDGenerator(), wakeWebhook: @escaping @Sendable () -> Void = {}, logger: Logger
    ) throws {
        self.configuration = configuration
        self.database = database
        self.writer = writer
        self.hub = hub
        self.tracer = tracer
        self.clock = clock
        self.uptime = uptime
        self.logger = logger
        self.wakeWebhook = wakeWebhook
        teller = AlertTeller(
            rules: configuration.rules, ledger: RoomLedger(configuration: history),
            hasWebhook: configuration.hasWebhook, tracer: tracer, ids: ids, clock: clock,
            overflow: WebhookOverflow(factory: factory, logger: logger),
            paused: Counter(label: "windsock_alerts_paused", dimensions: [], factory: factory),
            failed: Counter(label: "windsock_alerts_untold_recipients", dimensions: [], factory: factory),
            logger: logger)
        transitions = Dictionary(
            uniqueKeysWithValues: [AlertTransition.Kind.firing, .resolved].map {
                ($0, Counter(label: "windsock_alerts", dimensions: [("transition", "\($0)")], factory: factory))
            })
        state = Lock(
            State(evaluator: try AlertRecall.evaluator(configuration, database: database, ids: ids, at: clock.now())))
    }

    /// Alerts that are pending or firing.
    package var activeCount: Int { state.withLock(\.evaluator.activeCount) }

    // MARK: Evaluating

    /// Evaluates readings within the transaction that stores them; ``finished(isCommitted:)`` must follow it.
    ///
    /// - Returns: what rooms are told once it is committed.
    func evaluate(
        _ readings: [Reading], _ journeys: [Journey], in transaction: StorageTransaction
    ) throws -> [Message] {
        guard !configuration.rules.isEmpty else { return [] }
        var found: [(AlertTransition, Journey?)] = []
        state.withLock { state in
            let now = followClock(&state)
            state.evaluator.begin()
            for (index, reading) in readings.enumerated() {
                let journey = index < journeys.count ? journeys[index] : nil
                let span = begin(journey)
                let transitions = state.evaluator.receive(reading, notAfter: now, cause: Self.cause(journey))
                found += transitions.map { ($0, journey) }
                if let span { end(span, transitions) }
            }
            note(found.map(\.0), in: &state)
        }
        return try found.flatMap { try teller.tell($0.0, journey: $0.1, in: transaction) }
    }

    /// Whether the transaction of the latest evaluation was committed. Called before any other transaction begins.
    func finished(isCommitted: Bool) {
        let (counts, storesEvents) = state.withLock { state in
            defer {
                state.counts = [:]
                state.storesEvents = false
            }
            if !isCommitted { state.storedStep += state.takenStep }
            state.takenStep = .zero
            if isCommitted { state.evaluator.commit() } else { state.evaluator.rollback() }
            return isCommitted ? (state.counts, state.storesEvents) : ([:], false)
        }
        for (kind, count) in counts { transitions[kind]?.increment(by: count) }
        if storesEvents { wakeWebhook() }
    }

    /// Looks at what time alone has brought, ends alerts whose rule is gone, and tells of those whose silence is over;
    /// to be called about once a second. Nothing happens while an earlier one waits for its transaction.
    ///
    /// - Parameter isListening: Whether devices can be heard at all: while they cannot, nobody's silence counts.
    package func tick(isListening: Bool) {
        let isDue = state.withLock { state in
            if !isListening { state.evaluator.stopListening() }
            if state.evaluator.isEmpty || state.isTicking { return false }
            state.isTicking = true
            return true
        }
        guard isDue else { return }
        writer.submit(byteCount: 64) { [self] transaction in
            do {
                return RoomWriter.Effect((), messages: try look(isListening: isListening, in: transaction))
            } catch {
                // Only this savepoint is undone, so that what is written beside it stays.
                finished(isCommitted: false)
                throw error
            }
        } completion: { [self] result in
            let isOpen = state.withLock { state in
                state.isTicking = false
                return state.evaluator.isOpen
            }
            switch result {
            case .success: finished(isCommitted: true)
            // Refused before it began: then what is open is another's.
            case .failure(let error) where error.kind == .overloaded: break
            case .failure: if isOpen { finished(isCommitted: false) }
            }
        }
    }

    private func look(isListening: Bool, in transaction: StorageTransaction) throws -> [Message] {
        let (now, step, transitions) = state.withLock { state in
            let now = followClock(&state)
            state.evaluator.begin()
            let transitions =
                state.evaluator.takeOrphans(at: now) + state.evaluator.advance(to: now, isListening: isListening)
            note(transitions, in: &state)
            state.takenStep = state.storedStep
            state.storedStep = .zero
            return (now, state.takenStep, transitions)
        }
        if step != .zero { try transaction.shiftDueAlerts(by: step) }
        var messages = try transitions.flatMap { try teller.tell($0, journey: nil, in: transaction) }
        for alert in try transaction.snapshot.unannouncedAlerts(at: now, limit: Self.maxLateTellings) {
            guard let told = try teller.tellLate(alert, in: transaction) else { continue }
            messages += told
            state.withLock { state in
                state.evaluator.told(alert.alertID, at: now)
                if configuration.hasWebhook { state.storesEvents = true }
            }
        }
        return messages
    }

    /// Durations are of time that passed, whatever is done to the clock. Returns what it says now.
    private func followClock(_ state: inout State) -> Timestamp {
        let now = clock.now()
        if !state.evaluator.isOpen, let step = state.steps.step(at: now, uptime: uptime()) {
            state.evaluator.shiftClock(by: step)
            state.storedStep += step
            logger.notice("The clock was set; alerts go on by the time that passed", metadata: ["by": "\(step)"])
        }
        return now
    }

    private func note(_ transitions: [AlertTransition], in state: inout State) {
        for transition in transitions { state.counts[transition.kind, default: 0] += 1 }
        if configuration.hasWebhook, !transitions.isEmpty { state.storesEvents = true }
    }

    /// The trace that an alert's question leads to: the gateway's where the reading is sampled, else the device's own.
    private static func cause(_ journey: Journey?) -> TraceContext? {
        journey?.parent.flatMap { $0.isSampled ? $0 : nil } ?? journey?.origin
    }

    private func begin(_ journey: Journey?) -> (any Span)? {
        guard let parent = journey?.parent, parent.isSampled else { return nil }
        return tracer.startSpan("alert.evaluate", under: parent, at: clock.now())
    }

    private func end(_ span: any Span, _ transitions: [AlertTransition]) {
        span.updateAttributes { attributes in
            attributes["windsock.alert.rules"] = configuration.rules.count
            attributes["windsock.alert.transitions"] = transitions.count
        }
        span.end(at: clock.now())
    }

    // MARK: Asking and acting

    /// A page of alerts, the latest first.
    package struct Page: Sendable {
        package var alerts: [StoredAlert]
        /// The alert before which the next page begins, which may not be one of these; nil when there is no more.
        package var next: String?
        package var hasMore: Bool { next != nil }
    }

    /// The alerts that a query names, of rooms that pass `isIncluded`.
    package func page(
        _ query: AlertQuery, where isIncluded: @escaping @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> Page {
        do {
            return try await database.read { snapshot in
                var query = query
                let limit = query.limit
                query.limit = Self.pageSize
                var found: [StoredAlert] = []
                // Alerts of other rooms are passed over, page by page.
                for _ in 0..<Self.maxPages where found.count <= limit {
                    let alerts = try snapshot.alerts(query)
                    found += alerts.filter { isIncluded($0.room) }
                    query.before = alerts.count == query.limit ? alerts.last?.alertID : nil
                    if query.before == nil { break }
                }
                guard found.count > limit else { return Page(alerts: found, next: query.before) }
                return Page(alerts: Array(found.prefix(limit)), next: found[limit - 1].alertID)
            }
        } catch {
            logger.error("Alerts cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Alerts cannot be read now.")
        }
    }

    /// The alert with that id; `nil` when there is none.
    package func alert(_ id: String) async throws(RequestError) -> StoredAlert? {
        do {
            return try await database.read { try $0.alert(id) }
        } catch {
            logger.error("An alert cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Alerts cannot be read now.")
        }
    }

    /// The users whom a rule tells.
    package func users(toldBy rule: String) -> [String] {
        configuration.rules.first { $0.name == rule }?.recipients.users ?? []
    }

    /// Notes that somebody knows of the alert, so that it is not told again.
    ///
    /// - Throws: ``RequestError``: `notFound`, or `conflict` when it is over.
    package func acknowledge(_ id: String, by user: String) async throws(RequestError) -> StoredAlert {
        let now = clock.now()
        return try await change(id) { alert, transaction in
            guard alert.state != .resolved else {
                throw RequestError(.conflict, "The alert is over; there is nothing to acknowledge.")
            }
            // Who was first stays.
            if alert.acknowledgedAt != nil { return }
            alert.acknowledgedAt = now
            alert.acknowledgedBy = user
            try transaction.save(alert)
        } stored: { [self] in
            state.withLock { $0.evaluator.acknowledge(id, at: now) }
        }
    }

    /// Tells nobody of this rule's alerts of this device until then; `nil` ends that.
    package func silence(
        _ id: String, until: Timestamp?, by user: String
    ) async throws(RequestError) -> StoredAlert {
        try await change(id) { alert, transaction in
            try transaction.silence(
                rule: alert.rule, room: alert.room, device: alert.device, until: until, by: user)
            alert.silencedUntil = until
        }
    }

    /// - Parameter stored: Called once the change is committed, before the next transaction.
    private func change(
        _ id: String, _ body: @escaping @Sendable (inout StoredAlert, StorageTransaction) throws -> Void,
        stored: @escaping @Sendable () -> Void = {}
    ) async throws(RequestError) -> StoredAlert {
        let result: Result<StoredAlert, RequestError> = await withCheckedContinuation { continuation in
            writer.submit(byteCount: 256) { [teller, clock] transaction in
                guard var alert = try transaction.snapshot.alert(id) else {
                    throw RequestError(.notFound, "There is no alert \"\(id.prefix(64))\".")
                }
                try body(&alert, transaction)
                return RoomWriter.Effect(alert, messages: [teller.live(alert, at: clock.now())])
            } completion: { result in
                if case .success = result { stored() }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }
}
