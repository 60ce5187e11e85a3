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
            try transaction.save(
                StoredAlert(transition.alert, rule: rule, earlier: nil, trace: journey?.origin?.traceIDText))
            return []
        case .firing, .repeated, .resolved:
            return try announce(transition, rule, journey, in: transaction)
        }
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
        let span = begin(transition, journey, at: now)
        defer { span.end(at: clock.now()) }
        var alert = StoredAlert(
            transition.alert, rule: rule, earlier: try transaction.snapshot.alert(transition.alert.id),
            trace: span.traceContext?.traceIDText ?? journey?.origin?.traceIDText)
        try transaction.save(alert)
        alert.silencedUntil = try transaction.snapshot.silence(
            rule: alert.rule, room: alert.room, device: alert.device)
        let onward = Journey(subject: alert.device, parent: span.traceContext)
        var messages: [Message] = []
        if transition.kind != .repeated { messages.append(live(alert, at: now, journey: onward)) }
        if let until = alert.silencedUntil, until > now { return messages }
        messages += try notify(alert, transition.kind, rule, onward, at: now, in: transaction)
        return messages
    }

    /// Alerts are few and matter: each is recorded, under its reading's span or else linked to the device's.
    private func begin(_ transition: AlertTransition, _ journey: Journey?, at now: Timestamp) -> any Span {
        let parent = journey?.parent.flatMap { $0.isSampled ? $0 : nil }
        let span = tracer.startSpan(
            "alert.notify", under: parent, ofKind: .producer, at: now, isSampled: true)
        if parent == nil, let origin = journey?.origin { span.addLink(SpanLink(to: origin)) }
        span.updateAttributes { attributes in
            attributes["windsock.alert.id"] = transition.alert.id
            attributes["windsock.alert.rule"] = transition.alert.rule
            attributes["windsock.alert.state"] = transition.alert.state.rawValue
            attributes["windsock.device"] = transition.alert.device.rawValue
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
        guard hasWebhook, rule != nil else { return messages }
        try attempt("webhook") {
            let id = ids.next()
            let isKept = try transaction.addWebhookEvent(
                id: id, body: AlertPayload.event("\(kind)", id: id, alert, at: now),
                traceparent: journey.parent?.traceparent, at: now, maxWaiting: AlertService.maxWaitingEvents)
            if !isKept { logger.warning("Too many events wait for the webhook; one is not sent") }
            return []
        }
        return messages
    }

    private func draft(_ alert: StoredAlert, _ rule: AlertRule?) throws -> NotificationDraft {
        let priority: NotificationDraft.Priority =
            switch (alert.state, rule?.severity) {
            case (.resolved, _), (_, .info): .normal
            case (_, .critical): .critical
            case (_, .warning), (_, nil): .high
            }
        let title = "\(rule?.title ?? alert.rule): \(alert.device)"
        return try NotificationDraft(
            title: alert.state == .resolved ? "Resolved: \(title)" : title, body: alert.message,
            link: "/?alert=\(alert.alertID)", priority: priority)
    }
}
