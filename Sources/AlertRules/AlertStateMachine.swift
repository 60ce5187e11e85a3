package import Telemetry

/// The life of one rule's alerts of one device.
///
///            condition holds             … for as long as the rule says
///       ok ───────────────────▶ pending ────────────────────────────────▶ firing ─┐ repeated
///       ▲                          │                                        │  ▲──┘
///       └──────── cancelled ───────┘                                        │
///       └──────── resolved: the value is back by the hysteresis, for as long as the rule says
///
/// Pure: time comes in with every event, and never goes back. The latest value counts until the next one comes, so that
/// a device that speaks rarely is told of in time; ``advance(to:rule:)`` looks at what time alone has brought.
package struct AlertStateMachine: Sendable, Equatable {
    /// The alert that is pending or firing.
    package private(set) var alert: Alert?

    /// Whether the condition held at the latest value.
    private var isHolding = false
    /// Since when a firing alert's condition is over.
    private var clearSince: Timestamp?
    private var window: ChangeWindow?
    /// When the metric came last, or waiting for it began; for rules about silence.
    private var heardAt: Timestamp?
    private var now: Timestamp

    /// - Parameters:
    ///   - isExpected: Whether the device was heard before, so that its silence counts from now on.
    ///   - alert: What a stored alert goes on from.
    package init(rule: AlertRule, at instant: Timestamp, isExpected: Bool = false, restoring alert: Alert? = nil) {
        self.alert = alert
        now = instant
        isHolding = alert != nil
        if case .change(_, let duration, _) = rule.condition { window = ChangeWindow(duration) }
        heardAt = isExpected || alert != nil ? instant : nil
    }

    /// Takes a value of the rule's metric.
    ///
    /// - Parameter makeAlert: makes a pending alert, when one begins.
    package mutating func receive(
        _ metric: Metric, at instant: Timestamp, rule: AlertRule, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        now = max(now, instant)
        heardAt = now
        alert?.unit = metric.unit
        var extremes: ClosedRange<Double>?
        if window != nil {
            extremes = window?.extremes(at: now)
            window?.add(metric.value, at: now)
        }
        alert?.value = metric.value
        isHolding = rule.condition.holds(
            for: metric.value, isHolding: isHolding, hysteresis: rule.hysteresis, extremes: extremes)
        return judge(rule, value: metric, makeAlert: makeAlert)
    }

    /// Looks at what time alone has brought.
    ///
    /// - Parameter listeningSince: since when devices can be heard at all; `nil` while they cannot.
    package mutating func advance(
        to instant: Timestamp, rule: AlertRule, listeningSince: Timestamp?, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        now = max(now, instant)
        if case .noData(let duration) = rule.condition {
            if let heardAt, let listeningSince, !isHolding {
                isHolding = now.since(max(heardAt, listeningSince)) >= duration
            }
            if isHolding { alert?.value = nil }
        }
        if let kind = judge(rule, value: nil, makeAlert: makeAlert) { return kind }
        guard let told = alert?.toldAt, alert?.state == .firing, alert?.acknowledgedAt == nil,
            let interval = rule.repeatInterval, now.since(told) >= interval
        else { return nil }
        alert?.toldAt = now
        return .repeated
    }

    /// Somebody knows of it: it is not told again.
    package mutating func acknowledge(at instant: Timestamp) {
        alert?.acknowledgedAt = instant
    }

    /// Ends what is going on, because the rule is gone.
    mutating func end(at instant: Timestamp) -> AlertTransition.Kind? {
        now = max(now, instant)
        isHolding = false
        guard let alert else { return nil }
        return alert.state == .firing ? resolve() : cancel()
    }

    /// Whether something is going on, so that time matters.
    var isActive: Bool { alert?.state == .pending || alert?.state == .firing }

    // MARK: Transitions

    private mutating func judge(
        _ rule: AlertRule, value: Metric?, makeAlert: () -> Alert
    ) -> AlertTransition.Kind? {
        switch alert?.state {
        case .pending where !isHolding: return cancel()
        case .pending:
            guard let since = alert?.pendingAt, now.since(since) >= rule.holdFor else { return nil }
            return fire()
        case .firing where isHolding:
            clearSince = nil
            return nil
        case .firing:
            let since = clearSince ?? now
            clearSince = since
            return now.since(since) >= rule.resolveAfter ? resolve() : nil
        case .resolved, nil:
            guard isHolding else { return nil }
            var begun = makeAlert()
            begun.pendingAt = now
            begun.unit = value?.unit
            begun.value = value?.value
            alert = begun
            return rule.holdFor == .zero ? fire() : .pending
        }
    }

    private mutating func fire() -> AlertTransition.Kind {
        alert?.state = .firing
        alert?.firedAt = now
        alert?.toldAt = now
        clearSince = nil
        return .firing
    }

    private mutating func resolve() -> AlertTransition.Kind {
        alert?.state = .resolved
        alert?.resolvedAt = now
        clearSince = nil
        return .resolved
    }

    private mutating func cancel() -> AlertTransition.Kind {
        alert?.state = .resolved
        alert?.resolvedAt = now
        return .cancelled
    }
}
