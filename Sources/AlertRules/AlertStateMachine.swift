package import Core
package import Telemetry

/// The state machine of one rule's alerts for one series (one metric of one device in one room).
///
///            condition holds             … for as long as the rule requires
///       ok ───────────────────▶ pending ────────────────────────────────▶ firing ─┐ repeated
///       ▲                          │                                        │  ▲──┘
///       └──────── cancelled ───────┘                                        │
///       └──────── resolved: the value is back by the hysteresis, for as long as the rule requires
///
/// It is pure: time is passed in with every event, and the caller ensures that it never goes back. The latest value is
/// considered current until the next one arrives, so that alerts of devices that seldom send are raised in time.
/// ``advance(to:rule:listeningSince:makeAlert:)`` evaluates the effects of elapsed time.
package struct AlertStateMachine: Sendable, Equatable {
    /// The time after which a firing alert about missing data ends, because the silent device counts as gone.
    static let givenUpAfter = Duration.seconds(31 * 86_400)
    /// The number of consecutive values older than the whole ``ChangeWindow`` from which a clock is assumed to have
    /// been set back. Fewer are treated as late deliveries.
    private static let maxBehind = 3

    /// The pending or firing alert, or the last one that ended.
    package private(set) var alert: Alert?

    /// True when the condition held for the latest value.
    private var isHolding = false
    /// When the alert became pending, and when it fired. Unlike the times shown to users, these are adjusted when the
    /// clock is set.
    private var pendingSince: Timestamp?
    private var firingSince: Timestamp?
    /// When the condition of the pending alert began to hold; `nil` after a restart until a value arrives.
    private var holdingSince: Timestamp?
    /// When the condition of the firing alert ceased to hold; `nil` while it holds.
    private var clearSince: Timestamp?
    private var window: ChangeWindow?
    /// The time from which ``window`` is complete again after a restart or a clock change; `nil` if it is complete.
    /// Until then a condition that holds is kept, because the values that caused it may be missing.
    private var windowFilledAt: Timestamp?
    /// The number of consecutive values so far that were older than the whole window.
    private var behindCount = 0
    /// When the metric was last received, or when waiting for it began; used by rules about silence.
    private var heardAt: Timestamp?

    /// Creates a machine that has seen no values.
    package init(rule: AlertRule) {
        if case .change(_, let duration, _) = rule.condition { window = ChangeWindow(duration) }
    }

    // MARK: Restarts

    /// Continues a stored alert without another notification. Until a value arrives, its hold time counts only from
    /// when messages are received again, because the values during the restart are unknown.
    mutating func restore(_ stored: Alert, rule: AlertRule, at instant: Timestamp) {
        var alert = stored
        // The clock may have been ahead when the alert was stored.
        alert.pendingAt = min(alert.pendingAt, instant)
        alert.firedAt = alert.firedAt.map { min($0, instant) }
        alert.lastNotifiedAt = alert.lastNotifiedAt.map { min($0, instant) }
        self.alert = alert
        pendingSince = alert.pendingAt
        firingSince = alert.firedAt
        heardAt = instant
        isHolding = true
        switch rule.condition {
        // It is unknown whether the device is still silent. A firing alert continues until a value arrives.
        case .noData: isHolding = alert.state == .firing
        case .change(_, let duration, _): windowFilledAt = instant.advanced(by: duration)
        case .above, .below, .outside: break
        }
    }

    /// For rules about missing data: starts waiting for a metric that was last received at `last`, before a restart.
    /// Does nothing if that was so long ago that the device counts as gone.
    mutating func expect(lastAt last: Timestamp, rule: AlertRule, at instant: Timestamp) {
        guard case .noData(let duration) = rule.condition, heardAt == nil,
            instant.since(last) < duration + Self.givenUpAfter
        else { return }
        heardAt = instant
    }

    /// Restores the window and the latest value that were stored before a restart.
    ///
    /// - Parameters:
    ///   - window: The stored window of a `change` rule.
    ///   - latest: The latest stored value.
    mutating func recall(_ window: StoredSeriesState.Window?, latest: Double?, rule: AlertRule) {
        if let window {
            for part in window.parts {
                self.window?.add(part.minimum, at: part.time)
                self.window?.add(part.maximum, at: part.time)
            }
            if window.isWhole { windowFilledAt = nil }
        }
        guard alert?.state == .firing, let latest else { return }
        switch rule.condition {
        case .noData, .change: return
        // The latest value may already be back within the limit. `resolveAfter` counts from the next evaluation.
        case .above, .below, .outside:
            isHolding = rule.condition.holds(for: latest, isHolding: true, hysteresis: rule.hysteresis, extremes: nil)
        }
    }

    // MARK: Events

    /// Evaluates a value of the rule's metric.
    ///
    /// - Parameters:
    ///   - measuredAt: When the value was measured, according to the device. Changes are judged by this time, so that
    ///     values delivered late after an outage do not look like a sudden change.
    ///   - cause: The trace context of the reading.
    ///   - makeAlert: Creates a pending alert, if a new one begins.
    package mutating func receive(
        _ metric: Metric, measuredAt: Timestamp, at now: Timestamp, cause: TraceContext?, rule: AlertRule,
        makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        heardAt = now
        alert?.unit = metric.unit
        alert?.value = metric.value
        takeValue(metric.value, measuredAt: measuredAt, at: now, rule)
        if isHolding, alert?.state == .pending {
            holdingSince = holdingSince ?? pendingSince
            if alert?.cause == nil { alert?.cause = cause }
        }
        return judge(rule, at: now, holdingSince: holdingSince) {
            var alert = makeAlert()
            alert.unit = metric.unit
            alert.value = metric.value
            alert.cause = cause
            return alert
        }
    }

    /// Returns true if an alert is pending and its condition still holds for the new `value`. If the alert fires now,
    /// it should report this value and not the previous one.
    func staysPending(with value: Double, measuredAt: Timestamp, at now: Timestamp, rule: AlertRule) -> Bool {
        guard alert?.state == .pending else { return false }
        var next = self
        next.takeValue(value, measuredAt: measuredAt, at: now, rule)
        return next.isHolding
    }

    /// Evaluates the effects of elapsed time.
    ///
    /// - Parameter listeningSince: When messages from devices began to arrive; `nil` while none can, such as without a
    ///   broker connection.
    package mutating func advance(
        to now: Timestamp, rule: AlertRule, listeningSince: Timestamp?, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        switch rule.condition {
        case .noData(let duration): judgeSilence(of: duration, listeningSince, at: now)
        // No value arrived for a whole window although messages could arrive, so the change is over.
        case .change(_, let duration, _):
            guard let heardAt, let listeningSince, windowFilledAt.map({ now >= $0 }) ?? true else { break }
            if now.since(max(heardAt, listeningSince)) > duration { isHolding = false }
        case .above, .below, .outside: break
        }
        let kind = judge(rule, at: now, holdingSince: holdingSince ?? listeningSince, makeAlert: makeAlert)
        if let kind { return kind }
        guard let notifiedAt = alert?.lastNotifiedAt, alert?.state == .firing, alert?.acknowledgedAt == nil,
            let interval = rule.repeatInterval, now.since(notifiedAt) >= interval
        else { return nil }
        alert?.lastNotifiedAt = now
        return .repeated
    }

    /// Returns true if ``advance(to:rule:listeningSince:makeAlert:)`` may have an effect now.
    func isDue(at now: Timestamp, _ condition: AlertCondition, listeningSince: Timestamp?) -> Bool {
        if isActive { return true }
        guard case .noData(let duration) = condition, let heardAt, let listeningSince else { return false }
        return now.since(max(heardAt, listeningSince)) >= duration
    }

    /// Returns the next time at which ``advance(to:rule:listeningSince:makeAlert:)`` may affect an active alert; `nil`
    /// for never. Assumes that no value arrives before then and that `listeningSince` does not change. The time may be
    /// too early, but is never too late.
    func nextDeadline(_ rule: AlertRule, listeningSince: Timestamp?, at now: Timestamp) -> Timestamp? {
        var next: Timestamp?
        func step(at instant: Timestamp?) {
            if let instant { next = min(next ?? instant, instant) }
        }
        switch alert?.state {
        case .pending:
            step(at: isHolding ? (holdingSince ?? listeningSince)?.advanced(by: rule.holdFor) : now)
        case .firing:
            if !isHolding { step(at: clearSince?.advanced(by: rule.resolveAfter) ?? now) }
            if alert?.acknowledgedAt == nil, let interval = rule.repeatInterval {
                step(at: alert?.lastNotifiedAt?.advanced(by: interval))
            }
            if case .noData = rule.condition {
                step(at: alert?.value == nil ? firingSince?.advanced(by: Self.givenUpAfter) : now)
            }
        case .resolved, nil: return nil
        }
        if case .change(_, let duration, _) = rule.condition, let heardAt, let listeningSince {
            let isOver = max(heardAt, listeningSince).advanced(by: duration)
            step(at: max(isOver, windowFilledAt ?? isOver))
        }
        return next
    }

    /// Returns the start of the current silence as far as it is known. That is `now` if an alert is active or no value
    /// was received yet.
    func silenceBegan(listeningSince: Timestamp?, at now: Timestamp) -> Timestamp {
        guard !isActive, let heardAt else { return now }
        return max(heardAt, listeningSince ?? heardAt)
    }

    /// Records that users were notified at `instant`. The rule's repeat interval counts from then.
    mutating func notified(at instant: Timestamp) {
        alert?.lastNotifiedAt = instant
    }

    /// Acknowledges the alert, which stops repeated notifications.
    package mutating func acknowledge(at instant: Timestamp) {
        alert?.acknowledgedAt = instant
    }

    /// Adjusts all times after the clock was set, so that elapsed durations are kept.
    ///
    /// - Parameter now: The time of the newly set clock.
    mutating func shift(by step: Duration, rule: AlertRule, at now: Timestamp) {
        // The window's sub-intervals have times of the old clock.
        if case .change(_, let duration, _) = rule.condition { windowFilledAt = now.advanced(by: duration) }
        pendingSince = pendingSince?.advanced(by: step)
        firingSince = firingSince?.advanced(by: step)
        holdingSince = holdingSince?.advanced(by: step)
        clearSince = clearSince?.advanced(by: step)
        heardAt = heardAt?.advanced(by: step)
        if let notifiedAt = alert?.lastNotifiedAt { alert?.lastNotifiedAt = notifiedAt.advanced(by: step) }
    }

    /// True when an alert is pending or firing, so that elapsed time matters.
    var isActive: Bool { alert?.state == .pending || alert?.state == .firing }

    // MARK: Conditions

    private mutating func takeValue(_ value: Double, measuredAt: Timestamp, at now: Timestamp, _ rule: AlertRule) {
        if case .change(_, let duration, _) = rule.condition, window?.isAhead(of: measuredAt) == true {
            behindCount += 1
            // A late value says nothing about the present.
            if behindCount < Self.maxBehind { return }
            window?.clear()
            windowFilledAt = now.advanced(by: duration)
        }
        behindCount = 0
        let extremes = window?.extremes(at: measuredAt)
        window?.add(value, at: measuredAt)
        let isUnknown = windowFilledAt.map { now < $0 } ?? false
        if !isUnknown { windowFilledAt = nil }
        let holds = rule.condition.holds(
            for: value, isHolding: isHolding, hysteresis: rule.hysteresis, extremes: extremes)
        isHolding = holds || (isUnknown && isHolding)
    }

    /// Evaluates the condition of a rule about missing data. A firing alert continues until a value arrives or the
    /// device counts as gone. A pending alert ends as soon as no messages can arrive (`listeningSince` is `nil`).
    private mutating func judgeSilence(of duration: Duration, _ listeningSince: Timestamp?, at now: Timestamp) {
        if alert?.state == .firing {
            alert?.value = nil
            guard let firingSince, now.since(firingSince) >= Self.givenUpAfter else { return }
            isHolding = false
            heardAt = nil
        } else if let heardAt, let listeningSince {
            isHolding = now.since(max(heardAt, listeningSince)) >= duration
        } else {
            isHolding = false
        }
    }

    // MARK: Transitions

    private mutating func judge(
        _ rule: AlertRule, at now: Timestamp, holdingSince: Timestamp?, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        switch alert?.state {
        case .pending where !isHolding: return end(.cancelled, at: now)
        case .pending:
            guard let holdingSince, now.since(holdingSince) >= rule.holdFor else { return nil }
            return fire(at: now)
        case .firing where isHolding:
            clearSince = nil
            return nil
        case .firing:
            let since = clearSince ?? now
            clearSince = since
            return now.since(since) >= rule.resolveAfter ? end(.resolved, at: now) : nil
        case .resolved, nil:
            guard isHolding else { return nil }
            var begun = makeAlert()
            begun.pendingAt = now
            alert = begun
            pendingSince = now
            self.holdingSince = now
            return rule.holdFor == .zero ? fire(at: now) : .pending
        }
    }

    private mutating func fire(at now: Timestamp) -> AlertTransition.Kind {
        alert?.state = .firing
        alert?.firedAt = now
        alert?.lastNotifiedAt = now
        firingSince = now
        holdingSince = nil
        clearSince = nil
        return .firing
    }

    private mutating func end(_ kind: AlertTransition.Kind, at now: Timestamp) -> AlertTransition.Kind {
        alert?.state = .resolved
        alert?.resolvedAt = now
        holdingSince = nil
        clearSince = nil
        return kind
    }
}
