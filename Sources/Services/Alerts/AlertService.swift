package import AlertRules
package import Core
package import CoreMetrics
package import Logging
package import Realtime
package import Storage
package import Tracing

/// A service that evaluates alert rules against incoming readings and notifies users.
///
///     IngestStore's transaction ──▶ evaluate ──▶ AlertNotifier: alert, notifications, rooms, webhook ──▶ committed
///     once a second ──▶ tick ──────────┘                                                            └▶ published
///
/// Rules are evaluated inside the transactions of ``DatabaseWriter``, so an alert is stored together with the reading
/// that caused it or not at all. Thread-safe.
package final class AlertService: Sendable {
    /// The rules and their limits.
    package struct Configuration: Sendable {
        package var rules: [AlertRule]
        /// The most (rule, series) pairs that are watched at once.
        package var maxWatched: Int
        /// True when alerts are also sent to a webhook.
        package var hasWebhook: Bool

        package init(rules: [AlertRule] = [], maxWatched: Int = 200_000, hasWebhook: Bool = false) {
            self.rules = rules
            self.maxWatched = maxWatched
            self.hasWebhook = hasWebhook
        }
    }

    private struct State {
        var evaluator: AlertEvaluator
        /// The rules to use from the next evaluation on; `nil` when they have not been replaced.
        var nextRules: [AlertRule]?
        var steps = ClockStepDetector()
        /// The change of the wall clock that is not yet applied to the due times of stored alerts.
        var unstoredStep = Duration.zero
        /// True while a tick is queued or running.
        var isTicking = false
    }

    /// The number of alerts to read per query. Those in rooms that the caller may not see are then skipped.
    private static let pageSize = 1000
    /// The most queries for one page. The next request continues where the search stopped.
    private static let maxPages = 5
    /// The most webhook events that may wait for delivery.
    package static let maxWaitingEvents = 10_000
    /// The most limits of a metric, so that a chart stays legible and answers small.
    private static let maxLimits = 16
    /// The most delayed announcements per call of ``tick(isListening:)``.
    private static let maxDelayedAnnouncements = 100

    private let hasWebhook: Bool
    private let notifier: AlertNotifier
    private let database: Database
    private let writer: DatabaseWriter
    private let hub: Hub
    private let tracer: any Tracer
    private let clock: any WallClock
    private let uptime: @Sendable () -> Duration
    private let logger: Logger
    /// Counters of committed transitions.
    private let counters: [AlertTransition.Kind: Counter]
    private let state: Lock<State>
    private let wakeWebhook: @Sendable () -> Void

    /// Creates the service and restores the active alerts from the database.
    ///
    /// - Parameters:
    ///   - uptime: A monotonic clock, unaffected by changes of the wall clock.
    ///   - wakeWebhook: Called when a webhook event may have been stored.
    /// - Throws: The error of the database when it cannot be read.
    package init(
        configuration: Configuration, history: HistoryConfiguration, database: Database, writer: DatabaseWriter,
        hub: Hub,
        tracer: any Tracer, factory: any MetricsFactory, clock: any WallClock = SystemWallClock(),
        uptime: @escaping @Sendable () -> Duration = ClockStepDetector.systemUptime,
        ids: any IDGenerator = RandomIDGenerator(), wakeWebhook: @escaping @Sendable () -> Void = {}, logger: Logger
    ) throws {
        hasWebhook = configuration.hasWebhook
        self.database = database
        self.writer = writer
        self.hub = hub
        self.tracer = tracer
        self.clock = clock
        self.uptime = uptime
        self.logger = logger
        self.wakeWebhook = wakeWebhook
        notifier = AlertNotifier(
            appender: RoomHistoryAppender(configuration: history),
            hasWebhook: configuration.hasWebhook, tracer: tracer, ids: ids, clock: clock,
            overflow: WebhookOverflow(factory: factory, logger: logger),
            paused: Counter(label: "windsock_alerts_paused", dimensions: [], factory: factory),
            failed: Counter(label: "windsock_alerts_untold_recipients", dimensions: [], factory: factory),
            logger: logger)
        counters = Dictionary(
            uniqueKeysWithValues: [AlertTransition.Kind.firing, .resolved].map {
                ($0, Counter(label: "windsock_alerts", dimensions: [("transition", "\($0)")], factory: factory))
            })
        state = Lock(
            State(
                evaluator: try AlertStateLoader.evaluator(configuration, database: database, ids: ids, at: clock.now()))
        )
    }

    /// The number of pending and firing alerts.
    package var activeCount: Int { state.withLock(\.evaluator.activeCount) }

    // MARK: Rules

    /// Replaces the rules, from the next evaluation on. Rules that stay the same keep their state, and alerts of changed
    /// rules continue. Those of removed rules are resolved.
    ///
    /// A new `no_data` or `change` rule begins with the values that arrive from then on.
    package func replaceRules(_ rules: [AlertRule]) {
        state.withLock { $0.nextRules = rules }
    }

    /// The rules that the next evaluation uses.
    private var rules: [AlertRule] { state.withLock { $0.nextRules ?? $0.evaluator.rules } }

    private func rule(named name: String) -> AlertRule? {
        rules.first { $0.name == name }
    }

    // MARK: Evaluating

    /// Evaluates readings inside the transaction that stores them. If the transaction is rolled back, so is the
    /// evaluation.
    ///
    /// - Returns: The messages to publish after the commit.
    func evaluate(_ readings: [IngestedReading], in transaction: StorageTransaction) throws -> [Message] {
        let isIdle = state.withLock { $0.evaluator.rules.isEmpty && $0.nextRules == nil }
        if isIdle { return [] }
        let found = evaluate(in: transaction) { evaluator, now in
            var found: [(transition: AlertTransition, rule: AlertRule?, messageTrace: MessageTrace?)] = []
            for ingested in readings {
                let messageTrace = ingested.messageTrace
                let span = begin(messageTrace)
                let transitions = evaluator.receive(
                    ingested.reading, notAfter: now, cause: Self.cause(messageTrace))
                found += transitions.map { ($0, evaluator.rule(of: $0), messageTrace) }
                if let span { end(span, transitions, ruleCount: evaluator.rules.count) }
            }
            return found
        }
        report(found.map(\.transition), in: transaction)
        return try found.flatMap {
            try notifier.record($0.transition, $0.rule, messageTrace: $0.messageTrace, in: transaction)
        }
    }

    /// Evaluates the effects of elapsed time, resolves alerts whose rule was removed, and sends delayed announcements
    /// that are due. Call it about once a second. A call is ignored while an earlier one waits for its transaction.
    ///
    /// - Parameter isListening: False while no messages from devices can arrive, for example without a broker
    ///   connection. `no_data` rules are paused then.
    package func tick(isListening: Bool) {
        let isDue = state.withLock { state in
            if !isListening { state.evaluator.stopListening() }
            if (state.evaluator.isEmpty && state.nextRules == nil) || state.isTicking { return false }
            state.isTicking = true
            return true
        }
        guard isDue else { return }
        writer.submit(byteCount: 64) { [self] transaction in
            DatabaseWriter.Effect((), messages: try advance(isListening: isListening, in: transaction))
        } completion: { [self] _ in
            state.withLock { $0.isTicking = false }
        }
    }

    private func advance(isListening: Bool, in transaction: StorageTransaction) throws -> [Message] {
        let (now, found) = evaluate(in: transaction) { evaluator, now in
            let transitions = evaluator.takeOrphans(at: now) + evaluator.advance(to: now, isListening: isListening)
            return (now, transitions.map { ($0, evaluator.rule(of: $0)) })
        }
        report(found.map { $0.0 }, in: transaction)
        try shiftDueAlerts(in: transaction)
        let messages = try found.flatMap { transition, rule in
            try notifier.record(transition, rule, messageTrace: nil, in: transaction)
        }
        return messages + (try announceDelayed(at: now, in: transaction))
    }

    /// Announces firing alerts whose delay is over. Returns the messages to publish after the commit.
    private func announceDelayed(at now: Timestamp, in transaction: StorageTransaction) throws -> [Message] {
        var messages: [Message] = []
        var announced: [String] = []
        for alert in try transaction.snapshot.unannouncedAlerts(at: now, limit: Self.maxDelayedAnnouncements) {
            let rule = rule(named: alert.rule)
            guard let more = try notifier.announceDelayed(alert, rule, in: transaction) else { continue }
            messages += more
            announced.append(alert.alertID)
        }
        if announced.isEmpty { return [] }
        evaluate(in: transaction) { evaluator, _ in
            for id in announced { evaluator.notified(id, at: now) }
        }
        wakeWebhook(after: transaction)
        return messages
    }

    /// Applies the change of the wall clock to the due times of stored alerts.
    private func shiftDueAlerts(in transaction: StorageTransaction) throws {
        let step = state.withLock { state in
            defer { state.unstoredStep = .zero }
            return state.unstoredStep
        }
        if step == .zero { return }
        transaction.onEnd { [self] isCommitted in
            if !isCommitted { state.withLock { $0.unstoredStep += step } }
        }
        try transaction.shiftDueAlerts(by: step)
    }

    /// Runs `body` on the evaluator. The changes that `body` makes are committed or rolled back together with those of
    /// the transaction. All evaluation that depends on a transaction goes through this function.
    private func evaluate<Result: Sendable>(
        in transaction: StorageTransaction, _ body: (inout AlertEvaluator, _ now: Timestamp) -> Result
    ) -> Result {
        transaction.onEnd { [self] isCommitted in
            state.withLock { state in
                if isCommitted { state.evaluator.commit() } else { state.evaluator.rollback() }
            }
        }
        return state.withLock { state in
            let now = followClock(&state)
            if !state.evaluator.isOpen, let rules = state.nextRules.take() {
                state.evaluator.replaceRules(rules, at: now)
            }
            state.evaluator.begin()
            return body(&state.evaluator, now)
        }
    }

    /// Counts the transitions once they are committed, and wakes the webhook.
    private func report(_ transitions: [AlertTransition], in transaction: StorageTransaction) {
        if transitions.isEmpty { return }
        transaction.onEnd { [counters] isCommitted in
            guard isCommitted else { return }
            for transition in transitions { counters[transition.kind]?.increment() }
        }
        wakeWebhook(after: transaction)
    }

    private func wakeWebhook(after transaction: StorageTransaction) {
        guard hasWebhook else { return }
        transaction.onEnd { [wakeWebhook] isCommitted in if isCommitted { wakeWebhook() } }
    }

    /// Compensates for a changed wall clock, so that durations count elapsed time. Returns the current time.
    private func followClock(_ state: inout State) -> Timestamp {
        let now = clock.now()
        if !state.evaluator.isOpen, let step = state.steps.step(at: now, uptime: uptime()) {
            state.evaluator.shiftClock(by: step)
            state.unstoredStep += step
            logger.notice("The clock was set; alert durations count elapsed time", metadata: ["by": "\(step)"])
        }
        return now
    }

    /// Returns the trace that an alert links to: the gateway's own when the reading was sampled, otherwise the
    /// device's.
    private static func cause(_ messageTrace: MessageTrace?) -> TraceContext? {
        messageTrace?.parent.flatMap { $0.isSampled ? $0 : nil } ?? messageTrace?.origin
    }

    private func begin(_ messageTrace: MessageTrace?) -> (any Span)? {
        guard let parent = messageTrace?.parent, parent.isSampled else { return nil }
        return tracer.startSpan("alert.evaluate", under: parent, at: clock.now())
    }

    private func end(_ span: any Span, _ transitions: [AlertTransition], ruleCount: Int) {
        span.updateAttributes { attributes in
            attributes["windsock.alert.rules"] = ruleCount
            attributes["windsock.alert.transitions"] = transitions.count
        }
        span.end(at: clock.now())
    }

    // MARK: Queries and changes

    /// A page of alerts, newest first.
    package struct Page: Sendable {
        package var alerts: [StoredAlert]
        /// The cursor for the next page: an alert ID. The next page begins after this alert, which may be missing from
        /// ``alerts``. `nil` at the end.
        package var next: String?
        package var hasMore: Bool { next != nil }
    }

    /// Returns a page of the alerts that match a query and whose room passes `isIncluded`.
    package func page(
        _ query: AlertQuery, where isIncluded: @escaping @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> Page {
        do {
            return try await database.read { snapshot in
                var query = query
                let limit = query.limit
                query.limit = Self.pageSize
                var found: [StoredAlert] = []
                // Alerts in rooms that do not pass are skipped, so one page may take several queries.
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
            throw RequestError(.storage, "Alerts are unavailable; retry later.")
        }
    }

    /// Returns the alert with this ID; `nil` when there is none.
    package func alert(_ id: String) async throws(RequestError) -> StoredAlert? {
        do {
            return try await database.read { try $0.alert(id) }
        } catch {
            logger.error("An alert cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Alerts are unavailable; retry later.")
        }
    }

    /// Returns the users that a rule notifies.
    package func users(notifiedBy rule: String) -> [UserID] {
        self.rule(named: rule)?.recipients.users ?? []
    }

    /// Returns the limits of the rules that watch a device's metric as JSON objects, at most ``maxLimits``. They are for
    /// clients that may see the device.
    package func limits(of device: String, metric: String) -> [[UInt8]] {
        let rules = rules.lazy.filter { rule in
            rule.metric == metric && rule.devices.contains { $0.matches(device) }
        }
        return rules.flatMap(\.limits).prefix(Self.maxLimits).map(AlertPayload.object)
    }

    /// Acknowledges the alert, which stops further notifications of it. Does nothing if the alert is already
    /// acknowledged.
    ///
    /// - Throws: ``RequestError``: `notFound`, or `conflict` when the alert is already resolved.
    package func acknowledge(_ id: String, by user: UserID) async throws(RequestError) -> StoredAlert {
        let now = clock.now()
        return try await change(id) { alert, transaction in
            guard alert.state != .resolved else {
                throw RequestError(.conflict, "The alert is resolved and can no longer be acknowledged.")
            }
            // The first acknowledgement wins.
            if alert.acknowledgedAt != nil { return }
            alert.acknowledgedAt = now
            alert.acknowledgedBy = user
            try transaction.save(alert)
        } stored: { [self] in
            state.withLock { $0.evaluator.acknowledge(id, at: now) }
        }
    }

    /// Suppresses notifications for the alert's rule and device until `until`. `nil` ends the silence.
    package func silence(
        _ id: String, until: Timestamp?, by user: UserID
    ) async throws(RequestError) -> StoredAlert {
        try await change(id) { alert, transaction in
            try transaction.silence(
                rule: alert.rule, room: alert.room, device: alert.device, until: until, by: user)
            alert.silencedUntil = until
        }
    }

    /// Changes an alert in a transaction and publishes its new state to the alert's room.
    ///
    /// - Parameter stored: Called after the commit, before the next transaction begins.
    private func change(
        _ id: String, _ body: @escaping @Sendable (inout StoredAlert, StorageTransaction) throws -> Void,
        stored: @escaping @Sendable () -> Void = {}
    ) async throws(RequestError) -> StoredAlert {
        let result: Result<StoredAlert, RequestError> = await withCheckedContinuation { continuation in
            writer.submit(byteCount: 256) { [notifier, clock] transaction in
                guard var alert = try transaction.snapshot.alert(id) else {
                    throw RequestError(.notFound, "Unknown alert \"\(id.prefix(64))\".")
                }
                try body(&alert, transaction)
                return DatabaseWriter.Effect(alert, messages: [notifier.live(alert, at: clock.now())])
            } completion: { result in
                if case .success = result { stored() }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }
}
