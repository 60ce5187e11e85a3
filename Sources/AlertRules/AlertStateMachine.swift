package import Telemetry

/// The life of one rule's alerts of one metric of one device.
///
///            condition holds             … for as long as the rule says
///       ok ───────────────────▶ pending ────────────────────────────────▶ firing ─┐ repeated
///       ▲                          │                                        │  ▲──┘
///       └──────── cancelled ───────┘                                        │
///       └──────── resolved: the value is back by the hysteresis, for as long as the rule says
///
/// Pure: time comes in with every event, and the caller sees to it that it never goes back. The latest value counts until
/// the next one comes, so that a device that speaks rarely is told of in time; ``advance(to:rule:listeningSince:makeAlert:)``
/// looks at what time alone has brought.
package struct AlertStateMachine: Sendable, Equatable {
    /// A device that has been silent for so long after its alert fired is taken for gone: the alert ends.
    static let givenUpAfter = Duration.seconds(31 * 86_400)
    /// So many values behind the window mean that a clock was set; fewer are late.
    private static let maxBehind = 3

    /// The alert that is pending or firing.
    package private(set) var alert: Alert?

    /// Whether the condition held at the latest value.
    private var isHolding = false
    /// When the alert became pending, and when it fired. Unlike what people are told of it, these move with the clock when
    /// that is set.
    private var pendingSince: Timestamp?
    private var firingSince: Timestamp?
    /// Since when a pending alert's condition has held as far as is known; `nil` after a restart, until a value has come.
    private var holdingSince: Timestamp?
    /// Since when a firing alert's condition is over.
    private var clearSince: Timestamp?
    private var window: ChangeWindow?
    /// Until then the window may lack what had caused an alert: after a restart, and when a clock was set.
    private var windowFilledAt: Timestamp?
    /// Values in a row that were a whole window behind the others.
    private var behindCount = 0
    /// When the metric came last, or waiting for it began; for rules about silence.
    private var heardAt: Timestamp?

    /// A machine that has seen nothing yet.
    package init(rule: AlertRule) {
        if case .change(_, let duration, _) = rule.condition { window = ChangeWindow(duration) }
    }

    // MARK: Restarts

    /// Goes on with an alert that was stored. Nobody is told again; how long its condition has held is counted anew
    /// until a value has come, because nobody knows what happened meanwhile.
    mutating func restore(_ stored: Alert, rule: AlertRule, at instant: Timestamp) {
        var alert = stored
        // The clock may have been ahead.
        alert.pendingAt = min(alert.pendingAt, instant)
        alert.firedAt = alert.firedAt.map { min($0, instant) }
        alert.toldAt = alert.toldAt.map { min($0, instant) }
        self.alert = alert
        pendingSince = alert.pendingAt
        firingSince = alert.firedAt
        heardAt = instant
        isHolding = true
        switch rule.condition {
        // Whether it is still silent is not known; one that fires does so until a value comes.
        case .noData: isHolding = alert.state == .firing
        case .change(_, let duration, _): windowFilledAt = instant.advanced(by: duration)
        case .above, .below, .outside: break
        }
    }

    /// Waits for a metric that came before a restart, unless that is so long ago that the device is taken for gone.
    mutating func expect(lastAt last: Timestamp, rule: AlertRule, at instant: Timestamp) {
        guard case .noData(let duration) = rule.condition, heardAt == nil,
            instant.since(last) < duration + Self.givenUpAfter
        else { return }
        heardAt = instant
    }

    /// Learns what was stored before a restart.
    ///
    /// - Parameters:
    ///   - window: the rule's window, for changes.
    ///   - latest: the latest value.
    mutating func recall(_ window: SeriesMemory.Window?, latest: Double?, rule: AlertRule) {
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
        // Back already: how long it must be over for is counted anew.
        case .above, .below, .outside:
            isHolding = rule.condition.holds(for: latest, isHolding: true, hysteresis: rule.hysteresis, extremes: nil)
        }
    }

    // MARK: Events

    /// Takes a value of the rule's metric.
    ///
    /// - Parameters:
    ///   - measuredAt: when it was true, as far as the device says: changes are judged by it, so that what comes late
    ///     after an outage does not look like a leap.
    ///   - cause: the trace of the reading.
    ///   - makeAlert: makes a pending alert, when one begins.
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

    /// Whether a pending alert's condition holds at a value too: then that is the value to tell of.
    func staysPending(with value: Double, measuredAt: Timestamp, at now: Timestamp, rule: AlertRule) -> Bool {
        guard alert?.state == .pending else { return false }
        var next = self
        next.takeValue(value, measuredAt: measuredAt, at: now, rule)
        return next.isHolding
    }

    /// Looks at what time alone has brought.
    ///
    /// - Parameter listeningSince: since when devices can be heard at all; `nil` while they cannot.
    package mutating func advance(
        to now: Timestamp, rule: AlertRule, listeningSince: Timestamp?, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        switch rule.condition {
        case .noData(let duration): judgeSilence(of: duration, listeningSince, at: now)
        // Nothing has come for a whole window, though it could have: there is no change within it any more.
        case .change(_, let duration, _):
            guard let heardAt, let listeningSince, windowFilledAt.map({ now >= $0 }) ?? true else { break }
            if now.since(max(heardAt, listeningSince)) > duration { isHolding = false }
        case .above, .below, .outside: break
        }
        let kind = judge(rule, at: now, holdingSince: holdingSince ?? listeningSince, makeAlert: makeAlert)
        if let kind { return kind }
        guard let told = alert?.toldAt, alert?.state == .firing, alert?.acknowledgedAt == nil,
            let interval = rule.repeatInterval, now.since(told) >= interval
        else { return nil }
        alert?.toldAt = now
        return .repeated
    }

    /// Whether ``advance(to:rule:listeningSince:makeAlert:)`` may do anything: asked for those that may be due.
    func isDue(at now: Timestamp, _ condition: AlertCondition, listeningSince: Timestamp?) -> Bool {
        if isActive { return true }
        guard case .noData(let duration) = condition, let heardAt, let listeningSince else { return false }
        return now.since(max(heardAt, listeningSince)) >= duration
    }

    /// When ``advance(to:rule:listeningSince:makeAlert:)`` may next do something for an alert that is going on, if nothing
    /// is heard until then and devices can be heard as now; `nil` for never. It may be too early, never too late.
    func nextStep(_ rule: AlertRule, listeningSince: Timestamp?, at now: Timestamp) -> Timestamp? {
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
                step(at: alert?.toldAt?.advanced(by: interval))
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

    /// From when silence counts, as far as is known: now, where an alert is going on or nothing was heard yet.
    func silenceBegan(listeningSince: Timestamp?, at now: Timestamp) -> Timestamp {
        guard !isActive, let heardAt else { return now }
        return max(heardAt, listeningSince ?? heardAt)
    }

    /// People were told of it then; the next time is an interval later.
    mutating func told(at instant: Timestamp) {
        alert?.toldAt = instant
    }

    /// Somebody knows of it: it is not told again.
    package mutating func acknowledge(at instant: Timestamp) {
        alert?.acknowledgedAt = instant
    }

    /// The clock was set: what has passed until now stays as long as it was.
    ///
    /// - Parameter now: by the clock as it is set.
    mutating func shift(by step: Duration, rule: AlertRule, at now: Timestamp) {
        // Its parts are of the clock before.
        if case .change(_, let duration, _) = rule.condition { windowFilledAt = now.advanced(by: duration) }
        pendingSince = pendingSince?.advanced(by: step)
        firingSince = firingSince?.advanced(by: step)
        holdingSince = holdingSince?.advanced(by: step)
        clearSince = clearSince?.advanced(by: step)
        heardAt = heardAt?.advanced(by: step)
        if let told = alert?.toldAt { alert?.toldAt = told.advanced(by: step) }
    }

    /// Whether something is going on, so that time matters.
    var isActive: Bool { alert?.state == .pending || alert?.state == .firing }

    // MARK: Conditions

    private mutating func takeValue(_ value: Double, measuredAt: Timestamp, at now: Timestamp, _ rule: AlertRule) {
        if case .change(_, let duration, _) = rule.condition, window?.isAhead(of: measuredAt) == true {
            behindCount += 1
            // It says nothing of now.
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

    /// One that fires does so until a value comes; one that is pending is over as soon as nobody can be heard.
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
        alert?.toldAt = now
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
