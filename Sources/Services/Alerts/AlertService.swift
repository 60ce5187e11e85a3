package import AlertRules
package import CoreMetrics
package import Logging
package import Realtime
package import Storage
import Synchronization
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
        /// Devices that are watched at once.
        package var maxDevices: Int
        /// Whether alerts go to a webhook.
        package var hasWebhook: Bool

        package init(rules: [AlertRule] = [], maxDevices: Int = 10_000, hasWebhook: Bool = false) {
            self.rules = rules
            self.maxDevices = maxDevices
            self.hasWebhook = hasWebhook
        }
    }

    /// Pages of alerts that are looked through for those that a token may see.
    private static let maxPages = 200
    /// Webhook events that may wait to be delivered.
    package static let maxWaitingEvents = 10_000

    private let configuration: Configuration
    private let teller: AlertTeller
    private let database: Database
    private let writer: RoomWriter
    private let hub: Hub
    private let tracer: any Tracer
    private let clock: any WallClock
    private let logger: Logger
    private let transitions: [String: Counter]
    private let evaluator: Mutex<AlertEvaluator>
    private let wakeWebhook: @Sendable () -> Void
    /// Whether a transaction that is not finished yet may have stored an event for the webhook.
    private let hasStoredEvents = Atomic(false)

    /// Goes on with the alerts that the database has.
    ///
    /// - Parameter wakeWebhook: Called when an event for the webhook may have been stored.
    /// - Throws: what makes the database unreadable.
    package init(
        configuration: Configuration, history: HistoryConfiguration, database: Database, writer: RoomWriter, hub: Hub,
        tracer: any Tracer, factory: any MetricsFactory, clock: any WallClock = SystemWallClock(),
        ids: any IDGenerator = RandomIDGenerator(), wakeWebhook: @escaping @Sendable () -> Void = {}, logger: Logger
    ) throws {
        self.configuration = configuration
        self.database = database
        self.writer = writer
        self.hub = hub
        self.tracer = tracer
        self.clock = clock
        self.logger = logger
        self.wakeWebhook = wakeWebhook
        teller = AlertTeller(
            rules: configuration.rules, ledger: RoomLedger(configuration: history),
            hasWebhook: configuration.hasWebhook, tracer: tracer, ids: ids, clock: clock, logger: logger)
        transitions = Dictionary(
            uniqueKeysWithValues: ["firing", "resolved"].map {
                ($0, Counter(label: "windsock_alerts", dimensions: [("transition", $0)], factory: factory))
            })
        let now = clock.now()
        let (active, devices) = try database.read { snapshot in
            (try snapshot.activeAlerts(), try snapshot.devices(limit: configuration.maxDevices))
        }
        var evaluator = AlertEvaluator(
            rules: configuration.rules, capacity: configuration.maxDevices, ids: ids,
            restoring: active.compactMap(\.restored), at: now)
        for device in devices {
            if let id = DeviceID(device.name) { evaluator.expect(id, in: device.room, at: now) }
        }
        self.evaluator = Mutex(evaluator)
    }

    /// Alerts that are pending or firing.
    package var activeCount: Int { evaluator.withLock(\.activeCount) }

    // MARK: Evaluating

    /// Evaluates readings within the transaction that stores them; ``finished(isCommitted:)`` must follow it.
    ///
    /// - Returns: what rooms are told once it is committed.
    func evaluate(
        _ readings: [Reading], _ journeys: [Journey], in transaction: StorageTransaction
    ) throws -> [Message] {
        guard !configuration.rules.isEmpty else { return [] }
        var found: [(AlertTransition, Journey?)] = []
        evaluator.withLock { evaluator in
            evaluator.begin()
            for (index, reading) in readings.enumerated() {
                let journey = index < journeys.count ? journeys[index] : nil
                let span = begin(journey)
                let transitions = evaluator.receive(reading)
                found += transitions.map { ($0, journey) }
                if let span { end(span, transitions) }
            }
        }
        var messages: [Message] = []
        for (transition, journey) in found {
            messages += try teller.tell(transition, journey: journey, in: transaction)
            count(transition)
        }
        return messages
    }

    /// Whether the transaction of the latest evaluation was committed. Called before any other transaction begins.
    func finished(isCommitted: Bool) {
        evaluator.withLock { evaluator in
            if isCommitted { evaluator.commit() } else { evaluator.rollback() }
        }
        if isCommitted, hasStoredEvents.exchange(false, ordering: .relaxed) { wakeWebhook() }
    }

    /// Looks at what time alone has brought, and ends alerts whose rule is gone; to be called about once a second.
    ///
    /// - Parameter isListening: Whether devices can be heard at all: while they cannot, nobody's silence counts.
    package func tick(isListening: Bool) {
        if evaluator.withLock(\.isEmpty) { return }
        let now = clock.now()
        writer.submit(byteCount: 64) { [self] transaction in
            let transitions = evaluator.withLock { evaluator in
                evaluator.begin()
                return evaluator.takeOrphans(at: now) + evaluator.advance(to: now, isListening: isListening)
            }
            var messages: [Message] = []
            for transition in transitions {
                messages += try teller.tell(transition, journey: nil, in: transaction)
                count(transition)
            }
            return RoomWriter.Effect((), messages: messages)
        } completion: { [self] result in
            if case .success = result { finished(isCommitted: true) } else { finished(isCommitted: false) }
        }
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

    private func count(_ transition: AlertTransition) {
        if configuration.hasWebhook { hasStoredEvents.store(true, ordering: .relaxed) }
        transitions["\(transition.kind)"]?.increment()
    }

    // MARK: Asking and acting

    /// A page of alerts, the latest first.
    package struct Page: Sendable {
        package var alerts: [StoredAlert]
        package var hasMore: Bool
    }

    /// The alerts that a query names, of rooms that pass `isIncluded`.
    package func page(
        _ query: AlertQuery, where isIncluded: @escaping @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> Page {
        do {
            return try await database.read { snapshot in
                var query = query
                let limit = query.limit
                query.limit = limit + 1
                var found: [StoredAlert] = []
                // Alerts of other rooms are passed over, page by page, and not for ever.
                for _ in 0..<Self.maxPages where found.count <= limit {
                    let alerts = try snapshot.alerts(query)
                    found += alerts.filter { isIncluded($0.room) }
                    guard alerts.count == query.limit, let last = alerts.last else { break }
                    query.before = last.alertID
                }
                return Page(alerts: Array(found.prefix(limit)), hasMore: found.count > limit)
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
        try await change(id) { [self] alert, transaction in
            guard alert.state != .resolved else {
                throw RequestError(.conflict, "The alert is over; there is nothing to acknowledge.")
            }
            let now = clock.now()
            alert.acknowledgedAt = now
            alert.acknowledgedBy = user
            try transaction.save(alert)
            _ = evaluator.withLock { $0.acknowledge(id, at: now) }
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

    private func change(
        _ id: String, _ body: @escaping @Sendable (inout StoredAlert, StorageTransaction) throws -> Void
    ) async throws(RequestError) -> StoredAlert {
        try await writer.submit(byteCount: 256) { [teller, clock] transaction in
            guard var alert = try transaction.snapshot.alert(id) else {
                throw RequestError(.notFound, "There is no alert \"\(id.prefix(64))\".")
            }
            try body(&alert, transaction)
            return RoomWriter.Effect(alert, messages: [teller.live(alert, at: clock.now())])
        }
    }
}
