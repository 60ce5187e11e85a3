import Core
import Telemetry

@testable import AlertRules

/// Returns the timestamp that many seconds after the epoch.
func at(_ seconds: Double) -> Timestamp { Timestamp(nanosecondsSinceEpoch: Int64(seconds * 1e9)) }

/// Generates `a1`, `a2`, …
final class CountingIDs: IDGenerator {
    private let count = Lock(0)
    func next() -> String {
        count.withLock { count in
            count += 1
            return "a\(count)"
        }
    }
}

extension AlertEvaluator {
    init(_ rules: [AlertRule], capacity: Int = 100, restoring: [Alert] = [], at now: Double = 0) {
        self.init(
            rules: rules, capacity: capacity, ids: CountingIDs(), restoring: restoring, at: AlertRulesTests.at(now))
    }

    /// Evaluates a value and returns the transitions, such as `firing a1 31`.
    mutating func value(
        _ value: Double, at seconds: Double, _ device: String = "d", metric: String = "t", retained: Bool = false,
        measuredAt: Double? = nil, notAfter: Double? = nil
    ) -> [String] {
        guard let id = DeviceID(device) else { return ["no device"] }
        let reading = Reading(
            device: id, room: "sensors/\(device)", metrics: [Metric(name: metric, value: value, unit: "°C")],
            time: AlertRulesTests.at(measuredAt ?? seconds), receivedAt: AlertRulesTests.at(seconds),
            isRetained: retained)
        return Self.words(receive(reading, notAfter: notAfter.map(AlertRulesTests.at)))
    }

    /// Restores a device's metric from the values stored before a restart.
    mutating func recall(
        _ device: String, latest: (Double, Double)?, windows: [String: [(Double, Double)]] = [:],
        isWhole: Bool = true
    ) {
        guard let id = DeviceID(device) else { return }
        recall(
            SeriesKey(room: "sensors/\(device)", device: id, metric: "t"),
            StoredSeriesState(
                latest: latest.map { .init(value: $0.0, time: AlertRulesTests.at($0.1)) },
                windows: windows.mapValues { parts in
                    StoredSeriesState.Window(
                        parts: parts.map { .init(time: AlertRulesTests.at($0.0), minimum: $0.1, maximum: $0.1) },
                        isWhole: isWhole)
                }))
    }

    mutating func tick(_ seconds: Double, isListening: Bool = true) -> [String] {
        Self.words(advance(to: AlertRulesTests.at(seconds), isListening: isListening))
    }

    static func words(_ transitions: [AlertTransition]) -> [String] {
        transitions.map { "\($0.kind) \($0.alert.id)\($0.alert.value.map { " \(AlertCondition.text($0))" } ?? "")" }
    }
}

func rule(
    _ condition: AlertCondition, name: String = "r", devices: [String] = ["*"], for hold: Double = 0,
    hysteresis: Double = 0, resolveAfter: Double = 0, repeat interval: Double? = nil
) -> AlertRule {
    AlertRule(
        name: name, metric: "t", devices: devices.map(DevicePattern.init), condition: condition,
        holdFor: .seconds(hold), hysteresis: hysteresis, resolveAfter: .seconds(resolveAfter),
        repeatInterval: interval.map { .seconds($0) })
}

/// Returns an alert of device `d` as stored before a restart.
func stored(_ id: String, _ rule: String, _ state: Alert.State, pendingAt: Double = 1) -> Alert {
    guard let device = DeviceID("d") else { preconditionFailure("d is a name") }
    return Alert(
        id: id, rule: rule, device: device, room: "sensors/d", metric: "t", state: state,
        pendingAt: at(pendingAt), firedAt: state == .firing ? at(pendingAt) : nil)
}
