package import Telemetry

/// One case of a rule being broken by one device, from its pending to its end.
package struct Alert: Sendable, Equatable {
    /// Where it is in its life.
    package enum State: String, Sendable {
        /// The condition holds, but not for long enough yet.
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
    /// The latest value; `nil` when it is about a value that does not come.
    package var value: Double?
    package var state: State
    package var pendingAt: Timestamp
    package var firedAt: Timestamp?
    package var resolvedAt: Timestamp?
    /// When people were last told that it fires.
    package var toldAt: Timestamp?
    package var acknowledgedAt: Timestamp?
    /// The trace of the reading that made the condition hold; `nil` when it had none, and for a value that does not come.
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

extension AlertRule {
    /// What people are told of an alert of this rule.
    package func text(for alert: Alert) -> String {
        template.text { placeholder in
            switch placeholder {
            case .device: alert.device.rawValue
            case .room: alert.room
            case .metric: alert.metric
            case .value: alert.value.map(AlertCondition.text) ?? "missing"
            case .unit: alert.value == nil ? "" : alert.unit ?? ""
            case .rule: name
            case .title: title
            case .condition: conditionText
            case .severity: severity.rawValue
            }
        }
    }
}
