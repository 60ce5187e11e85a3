package import Core
package import Telemetry

/// A violation of a rule by one device, from pending until it is over.
package struct Alert: Sendable, Equatable {
    /// The state of an alert.
    package enum State: String, Sendable {
        /// The condition holds, but not yet for long enough.
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
    /// The latest value; `nil` for an alert about missing data.
    package var value: Double?
    package var state: State
    package var pendingAt: Timestamp
    package var firedAt: Timestamp?
    package var resolvedAt: Timestamp?
    /// When users were last notified that the alert is firing.
    package var toldAt: Timestamp?
    package var acknowledgedAt: Timestamp?
    /// The trace of the reading that made the condition hold; `nil` if the reading had none or the alert is about
    /// missing data.
    package var cause: TraceContext?

    package init(
        id: String, rule: String, device: DeviceID, room: String, metric: String, unit: String? = nil,
        value: Double? = nil, state: State, pendingAt: Timestamp, firedAt: Timestamp? = nil,
        resolvedAt: Timestamp? = nil, toldAt: Timestamp? = nil, acknowledgedAt: Timestamp? = nil,
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
        self.toldAt = toldAt
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
        /// A pending alert that never fired. Nobody was notified, and nothing is stored.
        case cancelled
    }

    package var kind: Kind
    /// The alert after the transition.
    package var alert: Alert
    /// The index of the alert's rule in the evaluator's ``AlertEvaluator/rules``; `nil` if the rule no longer exists.
    package var ruleIndex: Int?

    package init(kind: Kind, alert: Alert, ruleIndex: Int? = nil) {
        self.kind = kind
        self.alert = alert
        self.ruleIndex = ruleIndex
    }
}
