import AlertRules
import Storage
import Telemetry

extension StoredAlert {
    /// The alert as it is stored.
    ///
    /// - Parameters:
    ///   - rule: its rule; `nil` when that is gone, and what was stored before stands in for its words.
    ///   - earlier: as it was stored before; its trace stays.
    init(_ alert: Alert, rule: AlertRule?, earlier: StoredAlert?, trace: String?) {
        self.init(
            alertID: alert.id, rule: alert.rule, title: rule?.title ?? earlier?.title ?? alert.rule,
            severity: rule?.severity.rawValue ?? earlier?.severity ?? "warning",
            device: alert.device.rawValue, room: alert.room, metric: alert.metric, unit: alert.unit, value: alert.value,
            state: State(alert.state), condition: rule?.conditionText ?? earlier?.condition ?? "",
            message: rule?.text(for: alert) ?? earlier?.message ?? "", pendingAt: alert.pendingAt,
            firedAt: alert.firedAt, resolvedAt: alert.resolvedAt, toldAt: alert.toldAt,
            acknowledgedAt: alert.acknowledgedAt, acknowledgedBy: earlier?.acknowledgedBy,
            traceID: earlier?.traceID ?? trace, cause: alert.cause?.traceparent,
            isAnnounced: earlier?.isAnnounced ?? false)
    }

    /// The alert as the evaluator goes on with it; `nil` for a device whose name is none.
    var restored: Alert? {
        guard let device = DeviceID(device) else { return nil }
        return Alert(
            id: alertID, rule: rule, device: device, room: room, metric: metric, unit: unit, value: value,
            state: state.restored, pendingAt: pendingAt, firedAt: firedAt, resolvedAt: resolvedAt, toldAt: toldAt,
            acknowledgedAt: acknowledgedAt, cause: cause.flatMap { TraceContext(traceparent: $0) })
    }
}

extension AlertTemplate {
    /// What people are told of the end of an alert: `greenhouse-1: temperature is 28 °C`.
    static func resolvedText(_ alert: StoredAlert) -> String {
        guard let value = alert.value else { return "\(alert.device): \(alert.metric) no longer comes" }
        let unit = alert.unit.map { " \($0)" } ?? ""
        return "\(alert.device): \(alert.metric) is \(AlertCondition.text(value))\(unit)"
    }
}

extension StoredAlert.State {
    init(_ state: Alert.State) {
        switch state {
        case .pending: self = .pending
        case .firing: self = .firing
        case .resolved: self = .resolved
        }
    }

    var restored: Alert.State {
        switch self {
        case .pending: .pending
        case .firing: .firing
        case .resolved: .resolved
        }
    }
}
