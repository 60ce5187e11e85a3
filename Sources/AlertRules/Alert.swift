package import Core
package import Telemetry

/// One period in which a device violates a rule: from when the condition begins to hold until the alert is resolved or
/// cancelled.
package struct Alert: Sendable, Equatable {
    /// The state of an alert.
    package enum State: String, Sendable {
        /// The condition holds, but not yet for ``AlertRule/holdFor``.
        case pending
        case firing
        case resolved
    }

    package var id: String
    /// The rule's name.
    package var rule: String
    package var device: DeviceID
    /// The room of the device's readings.
    package var room: String
    package var metric: String
    package var unit: String?
    /// The metric's latest value. `nil` for an alert about missing data, until a value arrives.
    package var value: Double?
    package var state: State
    package var pendingAt: Timestamp
    package var firedAt: Timestamp?
    package var resolvedAt: Timestamp?
    /// When a notification of the firing alert was last sent, or suppressed because of a silence or
    /// ``AlertRule/minInterval``. The next repetition is due ``AlertRule/repeatInterval`` later.
    package var lastNotifiedAt: Timestamp?
    package var acknowledgedAt: Timestamp?
    /// The trace of the reading that made the condition hold; `nil` if the reading had none or the alert is about
    /// missing data.
    package var cause: TraceContext?

    package init(
        id: String, rule: String, device: DeviceID, room: String, metric: String, unit: String? = nil,
        value: Double? = nil, state: State, pendingAt: Timestamp, firedAt: Timestamp? = nil,
        resolvedAt: Timestamp? = nil, lastNotifiedAt: Timestamp? = nil, acknowledgedAt: Timestamp? = nil,
        cause: TraceContext? = nil
    ) {
        self.id = id
        self.rule = rule
        self.device = device
        self.room = room
        self.metric = metric
        self.unit = unit
        self.value = value
        self.state = state
        self.pendingAt = pendingAt
        self.firedAt = firedAt
        self.resolvedAt = resolvedAt
        self.lastNotifiedAt = lastNotifiedAt
        self.acknowledgedAt = acknowledgedAt
        self.cause = cause
    }
}

/// A state change of an alert, or a reminder that it still fires.
package struct AlertTransition: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The condition has started to hold.
        case pending
        case firing
        /// The alert still fires, and a repeated notification is due.
        case repeated
        case resolved
        /// The alert ended while it was pending. Nobody was notified, and its stored record is deleted.
        case cancelled
    }

    package var kind: Kind
    /// The alert after the transition.
    package var alert: Alert
    /// The index of the alert's rule in the evaluator's ``AlertEvaluator/rules``; `nil` for a restored alert that no
    /// current rule covers.
    package var ruleIndex: Int?

    package init(kind: Kind, alert: Alert, ruleIndex: Int? = nil) {
        self.kind = kind
        self.alert = alert
        self.ruleIndex = ruleIndex
    }
}
