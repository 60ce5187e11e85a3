import AlertRules
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
    let logger: Logger

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

    /// Tells of an alert that began while it was silenced, and still fires after that.
    func tellLate(_ stored: StoredAlert, in transaction: StorageTransaction) throws -> [Message] {
        let now = clock.now()
        let rule = rules.first { $0.name == stored.rule }
        var alert = stored
        alert.isAnnounced = true
        alert.toldAt = now
        try transaction.save(alert)
        let span = begin(alert, cause: stored.cause.flatMap { TraceContext(traceparent: $0) }, under: nil, at: now)
        defer { span.end(at: clock.now()) }
        return try notify(
            alert, .firing, rule, Journey(subject: alert.device, parent: span.traceContext), at: now, in: transaction)
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
        // Whoever was told that it fires is told that it is over, and nobody else.
        let isTold = transition.kind == .resolved ? alert.isAnnounced : !isSilenced
        if isTold { alert.isAnnounced = true }
        try transaction.save(alert)
        let onward = Journey(subject: alert.device, parent: span.traceContext)
        var messages: [Message] = []
        if transition.kind != .repeated { messages.append(live(alert, at: now, journey: onward)) }
        // What was not told when it began, because it was silenced, begins for people when it is told the first time.
        let kind = transition.kind == .repeated && earlier?.isAnnounced != true ? .firing : transition.kind
        if isTold { messages += try notify(alert, kind, rule, onward, at: now, in: transaction) }
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
    ) throws -> [Message] {
        var messages: [Message] = []
        func attempt(_ recipient: String, _ work: () throws -> [Message]) throws {
            do {
                messages += try transaction.savepoint(work)
            } catch {
                if !(error is RequestError), StorageFailure(error).isStorageAtFault { throw error }
                logger.warning(
                    "Somebody could not be told of an alert",
                    metadata: ["rule": "\(alert.rule)", "recipient": "\(recipient)", "error": "\(error)"])
            }
        }
        for user in rule?.recipients.users ?? [] {
            try attempt(user) {
                try ledger.notify(
                    [user], of: draft(alert, rule), id: ids.next(), at: now, journey: journey, in: transaction)
            }
        }
        for room in rule?.recipients.rooms ?? [] {
            try attempt(room) {
                [
                    try ledger.append(
                        .alert, id: ids.next(), payload: AlertPayload.message(alert, in: room), to: room, at: now,
                        journey: journey, in: transaction)
                ]
            }
        }
        guard hasWebhook else { return messages }
        try attempt("webhook") {
            let id = ids.next()
            let isKept = try transaction.addWebhookEvent(
                id: id, body: AlertPayload.event("\(kind)", id: id, alert, at: now),
                traceparent: journey.parent?.traceparent, at: now, maxWaiting: AlertService.maxWaitingEvents)
            if !isKept { overflow.note(rule: alert.rule, at: now) }
            return []
        }
        return messages
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
        return try NotificationDraft(
            title: alert.state == .resolved ? "Resolved: \(title)" : title,
            body: alert.state == .resolved ? AlertTemplate.resolvedText(alert) : alert.message,
            link: "/?alert=\(alert.alertID)", priority: priority)
    }
}
