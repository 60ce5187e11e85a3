import AlertRules
import CoreMetrics
import Logging
import Realtime
import Storage
import Telemetry
import Tracing

/// Stores an alert's step and tells those whom it concerns, all in the transaction of the reading behind it: a crash
/// neither loses an alert nor tells of it twice.
struct AlertTeller {
    let rules: [AlertRule]
    let ledger: RoomLedger
    let hasWebhook: Bool
    let tracer: any Tracer
    let ids: any IDGenerator
    let clock: any WallClock
    /// Counts what the webhook does not get because too much waits for it.
    let overflow: WebhookOverflow
    /// Counts alerts that people are told of later or not at all, because they were told of another one just before.
    let paused: Counter
    /// Counts recipients who could not be told.
    let failed: Counter
    let logger: Logger

    /// After this somebody tries again to tell of an alert of which nobody could be told.
    private static let retryInterval = Duration.seconds(60)

    /// The result of telling people.
    private struct Telling {
        var messages: [Message] = []
        var reached = 0
        var failed = 0

        /// True when somebody was told, or nobody was to be told.
        var isDone: Bool { reached > 0 || failed == 0 }
    }

    /// Returns what rooms are told once the transaction is committed.
    ///
    /// - Parameter journey: of the reading behind it; `nil` for what time alone has brought.
    func tell(
        _ transition: AlertTransition, journey: Journey?, in transaction: StorageTransaction
    ) throws -> [Message] {
        let rule = transition.ruleIndex.map { rules[$0] }
        switch transition.kind {
        case .cancelled:
            try transaction.removeAlert(transition.alert.id)
            return []
        case .pending:
            let cause = transition.alert.cause.flatMap { $0.isSampled ? $0.traceIDText : nil }
            try transaction.save(StoredAlert(transition.alert, rule: rule, earlier: nil, trace: cause))
            return []
        case .firing, .repeated, .resolved:
            return try announce(transition, rule, journey, in: transaction)
        }
    }

    /// Tells of an alert that began while it was silenced, or soon after another one of its rule and device, and still
    /// fires after that.
    ///
    /// - Returns: What rooms are told; `nil` when nobody could be told, which is tried again later.
    func tellLate(_ stored: StoredAlert, in transaction: StorageTransaction) throws -> [Message]? {
        let now = clock.now()
        let rule = rules.first { $0.name == stored.rule }
        var alert = stored
        let span = begin(alert, cause: stored.cause.flatMap { TraceContext(traceparent: $0) }, under: nil, at: now)
        defer { span.end(at: clock.now()) }
        alert.suppressedCount = try suppressedCount(alert, isStored: true, in: transaction.snapshot)
        let journey = Journey(subject: alert.device, parent: span.traceContext)
        let telling = try notify(alert, .firing, rule, journey, at: now, in: transaction)
        if telling.isDone { alert.toldAt = now }
        note(telling, of: &alert, at: now)
        try transaction.save(alert)
        return telling.isDone ? telling.messages : nil
    }

    /// The number of alerts of the same rule and device since the last one that people were told of.
    ///
    /// - Parameter isStored: Whether the alert itself is one of those that are stored.
    private func suppressedCount(
        _ alert: StoredAlert, isStored: Bool, in snapshot: StorageSnapshot
    ) throws -> Int {
        let (rule, room, device) = (alert.rule, alert.room, alert.device)
        guard let last = try snapshot.lastAnnounced(rule: rule, room: room, device: device) else { return 0 }
        return try snapshot.unannouncedCount(rule: rule, room: room, device: device, after: last.number)
            - (isStored ? 1 : 0)
    }

    /// Notes whether people know that an alert fires.
    private func note(_ telling: Telling, of alert: inout StoredAlert, at now: Timestamp) {
        alert.isAnnounced = telling.isDone
        alert.dueAt = telling.isDone ? nil : now.advanced(by: Self.retryInterval)
    }

    /// An alert's own message, as it is now: to those who see its device.
    func live(_ alert: StoredAlert, at now: Timestamp, journey: Journey? = nil) -> Message {
        var message = Message(
            type: .alert, room: alert.room, payload: AlertPayload.message(alert, in: alert.room), timestamp: now)
        message.journey = journey
        return message
    }

    private func announce(
        _ transition: AlertTransition, _ rule: AlertRule?, _ journey: Journey?, in transaction: StorageTransaction
    ) throws -> [Message] {
        let now = clock.now()
        let earlier = try transaction.snapshot.alert(transition.alert.id)
        var alert = StoredAlert(transition.alert, rule: rule, earlier: earlier, trace: nil)
        let cause = transition.alert.cause ?? earlier?.cause.flatMap { TraceContext(traceparent: $0) }
        let span = begin(
            alert, cause: cause ?? journey?.origin, under: journey?.parent.flatMap { $0.isSampled ? $0 : nil }, at: now)
        defer { span.end(at: clock.now()) }
        alert.traceID =
            alert.traceID ?? cause.flatMap { $0.isSampled ? $0.traceIDText : nil } ?? span.traceContext?.traceIDText
        alert.silencedUntil = try transaction.snapshot.silence(
            rule: alert.rule, room: alert.room, device: alert.device)
        let isSilenced = alert.silencedUntil.map { $0 > now } ?? false
        // For people an alert begins when they are first told of it.
        let isBeginning = transition.kind != .resolved && !alert.isAnnounced
        if isBeginning, let rule,
            let last = try transaction.snapshot.lastAnnounced(rule: alert.rule, room: alert.room, device: alert.device)
        {
            alert.dueAt = rule.pause(after: last.toldAt, at: now)
            if transition.kind == .firing, alert.dueAt != nil, !isSilenced { paused.increment() }
        }
        // Whoever was told that it fires is told that it is over, and nobody else.
        let isTold = transition.kind == .resolved ? alert.isAnnounced : !isSilenced && alert.dueAt == nil
        if isTold, isBeginning {
            alert.suppressedCount = try suppressedCount(alert, isStored: earlier != nil, in: transaction.snapshot)
        }
        let onward = Journey(subject: alert.device, parent: span.traceContext)
        var messages: [Message] = []
        if transition.kind != .repeated { messages.append(live(alert, at: now, journey: onward)) }
        if isTold {
            let kind = isBeginning ? .firing : transition.kind
            let telling = try notify(alert, kind, rule, onward, at: now, in: transaction)
            messages += telling.messages
            if isBeginning { note(telling, of: &alert, at: now) }
        }
        try transaction.save(alert)
        return messages
    }

    /// Alerts are few and matter: each is recorded, under its reading's span, or linked to that of the reading that made
    /// the condition hold.
    private func begin(
        _ alert: StoredAlert, cause: TraceContext?, under parent: TraceContext?, at now: Timestamp
    ) -> any Span {
        let span = tracer.startSpan(
            "alert.notify", under: parent, ofKind: .producer, at: now, isSampled: true)
        if let cause, cause.spanID != parent?.spanID { span.addLink(SpanLink(to: cause)) }
        span.updateAttributes { attributes in
            attributes["windsock.alert.id"] = alert.alertID
            attributes["windsock.alert.rule"] = alert.rule
            attributes["windsock.alert.state"] = alert.state.rawValue
            attributes["windsock.device"] = alert.device
        }
        return span
    }

    /// Whoever cannot be told keeps nobody else from being told, nor the reading from being stored; unless it is the
    /// storage that fails: then there is nothing to go on with.
    private func notify(
        _ alert: StoredAlert, _ kind: AlertTransition.Kind, _ rule: AlertRule?, _ journey: Journey, at now: Timestamp,
        in transaction: StorageTransaction
    ) throws -> Telling {
        var telling = Telling()
        func attempt(_ recipient: String, _ work: () throws -> [Message]) throws {
            do {
                telling.messages += try transaction.savepoint(work)
                telling.reached += 1
            } catch {
                if !(error is RequestError), StorageFailure(error).isStorageAtFault { throw error }
                telling.failed += 1
                failed.increment()
                logger.warning(
                    "Somebody could not be told of an alert",
                    metadata: ["rule": "\(alert.rule)", "recipient": "\(recipient)", "error": "\(error)"])
            }
        }
        for user in rule?.recipients.users ?? [] {
            try attempt(user) {
                try ledger.notify(
                    [user], of: draft(alert, rule), id: ids.next(), by: nil, at: now, journey: journey, in: transaction)
            }
        }
        for room in rule?.recipients.rooms ?? [] {
            try attempt(room) {
                [
                    try ledger.append(
                        .alert, id: ids.next(), payload: AlertPayload.message(alert, in: room), to: room,
                        by: .gateway, at: now, journey: journey, in: transaction)
                ]
            }
        }
        guard hasWebhook else { return telling }
        try attempt("webhook") {
            let id = ids.next()
            let isKept = try transaction.addWebhookEvent(
                id: id, body: AlertPayload.event("\(kind)", id: id, alert, at: now),
                traceparent: journey.parent?.traceparent, at: now, maxWaiting: AlertService.maxWaitingEvents)
            if !isKept { overflow.note(rule: alert.rule, at: now) }
            return []
        }
        return telling
    }

    /// The rule's message is about what is wrong; of the end it says what is the case now.
    private func draft(_ alert: StoredAlert, _ rule: AlertRule?) throws -> NotificationDraft {
        let priority: NotificationDraft.Priority =
            switch (alert.state, rule?.severity) {
            case (.resolved, _), (_, .info): .normal
            case (_, .critical): .critical
            case (_, .warning), (_, nil): .high
            }
        let title = "\(rule?.title ?? alert.rule): \(alert.device)"
        var body = alert.state == .resolved ? AlertTemplate.resolvedText(alert) : alert.message
        if alert.suppressedCount > 0 { body += " (not told since the last time: \(alert.suppressedCount) more)" }
        // A long text with long names many times in it.
        if body.utf8.count > NotificationDraft.maxBodyBytes {
            body = String(String.UnicodeScalarView(body.unicodeScalars.prefix(NotificationDraft.maxBodyBytes / 4)))
        }
        var draft = try NotificationDraft(
            title: alert.state == .resolved ? "Resolved: \(title)" : title, body: body,
            link: "/?alert=\(alert.alertID)", priority: priority)
        draft.suppressedCount = alert.suppressedCount
        return draft
    }
}
