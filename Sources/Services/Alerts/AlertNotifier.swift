import AlertRules
import Core
import CoreMetrics
import Logging
import Realtime
import Storage
import Tracing

/// A notifier that stores an alert's transition and the notifications of its recipients. Both happen in the transaction
/// in which the rule was evaluated, so a crash neither loses an alert nor announces it twice.
struct AlertNotifier {
    let appender: RoomHistoryAppender
    let hasWebhook: Bool
    let tracer: any Tracer
    let ids: any IDGenerator
    let clock: any WallClock
    /// The counter and log of events that are dropped because the webhook's outbox is full.
    let overflow: WebhookOverflow
    /// The counter of firing alerts that are announced late or never, because ``AlertRule/minInterval`` has not passed
    /// since the last announcement for the same rule and device.
    let paused: Counter
    /// The counter of recipients that could not be notified.
    let failed: Counter
    let logger: Logger

    /// The delay before the next attempt to announce an alert that reached nobody.
    private static let retryInterval = Duration.seconds(60)

    /// The result of notifying an alert's recipients.
    private struct NotificationResult {
        var messages: [Message] = []
        var reachedCount = 0
        var failedCount = 0

        /// True when at least one recipient was notified, or there was none.
        var isAnnounced: Bool { reachedCount > 0 || failedCount == 0 }
    }

    /// Stores a transition and notifies its recipients. Returns the messages to publish after the commit.
    ///
    /// - Parameters:
    ///   - rule: The alert's rule; `nil` when it was removed.
    ///   - messageTrace: The trace of the reading that caused the transition; `nil` when time alone caused it.
    func record(
        _ transition: AlertTransition, _ rule: AlertRule?, messageTrace: MessageTrace?,
        in transaction: StorageTransaction
    ) throws -> [Message] {
        switch transition.kind {
        case .cancelled:
            try transaction.removeAlert(transition.alert.id)
            return []
        case .pending:
            let cause = transition.alert.cause.flatMap { $0.isSampled ? $0.traceIDText : nil }
            try transaction.save(StoredAlert(transition.alert, rule: rule, earlier: nil, trace: cause))
            return []
        case .firing, .repeated, .resolved:
            return try announce(transition, rule, messageTrace, in: transaction)
        }
    }

    /// Announces a firing alert whose announcement was delayed: it was silenced, began too soon after another alert of
    /// the same rule and device, or could not be announced to any recipient.
    ///
    /// - Returns: The messages to publish; `nil` when no recipient could be notified, which is retried later.
    func announceDelayed(
        _ stored: StoredAlert, _ rule: AlertRule?, in transaction: StorageTransaction
    ) throws -> [Message]? {
        let now = clock.now()
        var alert = stored
        let span = begin(alert, cause: stored.cause.flatMap { TraceContext(traceparent: $0) }, under: nil, at: now)
        defer { span.end(at: clock.now()) }
        alert.suppressedCount = try suppressedCount(alert, isStored: true, in: transaction.snapshot)
        let messageTrace = MessageTrace(subject: alert.device, parent: span.traceContext)
        let result = try notify(alert, .firing, rule, messageTrace, at: now, in: transaction)
        if result.isAnnounced { alert.lastNotifiedAt = now }
        note(result, of: &alert, at: now)
        try transaction.save(alert)
        return result.isAnnounced ? result.messages : nil
    }

    /// Returns the number of alerts of the same rule and device since the last announced one.
    ///
    /// - Parameter isStored: True when the alert itself is already stored and must not be counted.
    private func suppressedCount(
        _ alert: StoredAlert, isStored: Bool, in snapshot: StorageSnapshot
    ) throws -> Int {
        let (rule, room, device) = (alert.rule, alert.room, alert.device)
        guard let last = try snapshot.lastAnnounced(rule: rule, room: room, device: device) else { return 0 }
        return try snapshot.unannouncedCount(rule: rule, room: room, device: device, after: last.number)
            - (isStored ? 1 : 0)
    }

    /// Records whether the alert was announced, and schedules a retry when it was not.
    private func note(_ result: NotificationResult, of alert: inout StoredAlert, at now: Timestamp) {
        alert.isAnnounced = result.isAnnounced
        alert.dueAt = result.isAnnounced ? nil : now.advanced(by: Self.retryInterval)
    }

    /// Returns the message that shows the alert's current state in its device's room.
    func live(_ alert: StoredAlert, at now: Timestamp, messageTrace: MessageTrace? = nil) -> Message {
        var message = Message(
            type: .alert, room: alert.room, payload: AlertPayload.message(alert, in: alert.room), timestamp: now)
        message.messageTrace = messageTrace
        return message
    }

    private func announce(
        _ transition: AlertTransition, _ rule: AlertRule?, _ messageTrace: MessageTrace?,
        in transaction: StorageTransaction
    ) throws -> [Message] {
        let now = clock.now()
        let earlier = try transaction.snapshot.alert(transition.alert.id)
        var alert = StoredAlert(transition.alert, rule: rule, earlier: earlier, trace: nil)
        let cause = transition.alert.cause ?? earlier?.cause.flatMap { TraceContext(traceparent: $0) }
        let span = begin(
            alert, cause: cause ?? messageTrace?.origin,
            under: messageTrace?.parent.flatMap { $0.isSampled ? $0 : nil }, at: now)
        defer { span.end(at: clock.now()) }
        alert.traceID =
            alert.traceID ?? cause.flatMap { $0.isSampled ? $0.traceIDText : nil } ?? span.traceContext?.traceIDText
        alert.silencedUntil = try transaction.snapshot.silence(
            rule: alert.rule, room: alert.room, device: alert.device)
        let isSilenced = alert.silencedUntil.map { $0 > now } ?? false
        // To recipients an alert begins with its first announcement.
        let isBeginning = transition.kind != .resolved && !alert.isAnnounced
        if isBeginning, let rule,
            let last = try transaction.snapshot.lastAnnounced(rule: alert.rule, room: alert.room, device: alert.device)
        {
            alert.dueAt = rule.pause(after: last.notifiedAt, at: now)
            if transition.kind == .firing, alert.dueAt != nil, !isSilenced { paused.increment() }
        }
        // The end of an alert is announced only if its beginning was.
        let isNotified = transition.kind == .resolved ? alert.isAnnounced : !isSilenced && alert.dueAt == nil
        if isNotified, isBeginning {
            alert.suppressedCount = try suppressedCount(alert, isStored: earlier != nil, in: transaction.snapshot)
        }
        let onward = MessageTrace(subject: alert.device, parent: span.traceContext)
        var messages: [Message] = []
        if transition.kind != .repeated { messages.append(live(alert, at: now, messageTrace: onward)) }
        if isNotified {
            let kind = isBeginning ? .firing : transition.kind
            let result = try notify(alert, kind, rule, onward, at: now, in: transaction)
            messages += result.messages
            if isBeginning { note(result, of: &alert, at: now) }
        }
        try transaction.save(alert)
        return messages
    }

    /// Starts the span of an announcement. Alerts are few and important, so the span is always sampled. Its parent is
    /// the sampled span of the reading that caused the transition, if any. A link leads to the span of the reading that
    /// first met the condition, unless that is the parent.
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

    /// Notifies every recipient of the rule, and the webhook. If one recipient cannot be notified, the other recipients
    /// and the reading are not affected. A storage failure is rethrown, because the transaction cannot continue.
    private func notify(
        _ alert: StoredAlert, _ kind: AlertTransition.Kind, _ rule: AlertRule?, _ messageTrace: MessageTrace,
        at now: Timestamp,
        in transaction: StorageTransaction
    ) throws -> NotificationResult {
        var result = NotificationResult()
        func attempt(_ recipient: String, _ work: () throws -> [Message]) throws {
            do {
                result.messages += try transaction.savepoint(work)
                result.reachedCount += 1
            } catch {
                if !(error is RequestError), StorageError(error).isStorageAtFault { throw error }
                result.failedCount += 1
                failed.increment()
                logger.warning(
                    "A recipient could not be notified of an alert",
                    metadata: ["rule": "\(alert.rule)", "recipient": "\(recipient)", "error": "\(error)"])
            }
        }
        for user in rule?.recipients.users ?? [] {
            try attempt(user.rawValue) {
                try appender.notify(
                    [user], of: draft(alert, rule), id: ids.next(), by: nil, at: now, messageTrace: messageTrace,
                    in: transaction)
            }
        }
        for room in rule?.recipients.rooms ?? [] {
            try attempt(room) {
                [
                    try appender.append(
                        .alert, id: ids.next(), payload: AlertPayload.message(alert, in: room), to: room,
                        by: .gateway, at: now, messageTrace: messageTrace, in: transaction)
                ]
            }
        }
        guard hasWebhook else { return result }
        try attempt("webhook") {
            let id = ids.next()
            let isKept = try transaction.addWebhookEvent(
                id: id, body: AlertPayload.event("\(kind)", id: id, alert, at: now),
                traceparent: messageTrace.parent?.traceparent, at: now, maxWaiting: AlertService.maxWaitingEvents)
            if !isKept { overflow.note(rule: alert.rule, at: now) }
            return []
        }
        return result
    }

    /// Returns the notification of an alert. While it fires, the body is the rule's message; once it is resolved, the
    /// body gives the current value.
    private func draft(_ alert: StoredAlert, _ rule: AlertRule?) throws -> NotificationDraft {
        let priority: NotificationDraft.Priority =
            switch (alert.state, rule?.severity) {
            case (.resolved, _), (_, .info): .normal
            case (_, .critical): .critical
            case (_, .warning), (_, nil): .high
            }
        let title = "\(rule?.title ?? alert.rule): \(alert.device)"
        var body = alert.state == .resolved ? AlertTemplate.resolvedText(alert) : alert.message
        if alert.suppressedCount > 0 { body += " (suppressed since the last alert: \(alert.suppressedCount))" }
        // The rule's template may repeat long names often enough to exceed the limit.
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
