import AlertRules
import Core
import Storage
import Telemetry

/// A loader that rebuilds the state of an ``AlertEvaluator`` after a restart: the active alerts, the latest value of
/// each watched series, which `no_data` rules need, and the windows of `change` rules.
struct AlertStateLoader {
    /// A series' row ID in the database, and its latest value.
    private typealias Stored = (id: Int64, latest: StoredValue)

    /// The number of series to read from one database snapshot.
    private static let pageSize = 1000
    /// The most values to read for the windows of all rules, about a second's work. Series beyond that start with an
    /// empty window and detect changes from now on only.
    private static let maxValues = 2_000_000
    /// The most values to read for one window. If there are more, only the latest are read.
    private static let maxSeriesValues = 100_000

    private let database: Database
    private let now: Timestamp
    private var evaluator: AlertEvaluator
    private var valuesLeft = maxValues

    /// Returns an evaluator with the alerts and the series data that are stored in the database.
    ///
    /// - Throws: The error of the database when it cannot be read.
    static func evaluator(
        _ configuration: AlertService.Configuration, database: Database, ids: any IDGenerator, at now: Timestamp
    ) throws -> AlertEvaluator {
        let active = try database.read { try $0.activeAlerts() }
        var recall = AlertStateLoader(
            database: database, now: now,
            evaluator: AlertEvaluator(
                rules: configuration.rules, capacity: configuration.maxWatched, ids: ids,
                restoring: active.compactMap(\.restored), at: now))
        try recall.recallAll(Set(configuration.rules.map(\.metric)))
        return recall.evaluator
    }

    private mutating func recallAll(_ metrics: Set<String>) throws {
        if metrics.isEmpty { return }
        var rest = try newest(of: metrics).sorted { $0.value.id < $1.value.id }[...]
        while !rest.isEmpty {
            try database.read { snapshot in
                for (key, stored) in rest.prefix(Self.pageSize) { try recall(key, stored, from: snapshot) }
            }
            rest = rest.dropFirst(Self.pageSize)
        }
    }

    /// Returns one stored series for each key. A metric that was reported in several units has several stored series,
    /// of which the one with the latest value is chosen.
    private func newest(of metrics: Set<String>) throws -> [SeriesKey: Stored] {
        var newest: [SeriesKey: Stored] = [:]
        var last: Int64? = 0
        while let position = last {
            last = try database.read { snapshot in
                let page = try snapshot.series(after: position, limit: Self.pageSize)
                for series in page where metrics.contains(series.metric) {
                    guard let device = DeviceID(series.device) else { continue }
                    let key = SeriesKey(room: series.room, device: device, metric: series.metric)
                    guard !evaluator.rules(for: key).isEmpty, let latest = try snapshot.latestValue(of: series.id)
                    else { continue }
                    if let other = newest[key], other.latest.time >= latest.time { continue }
                    newest[key] = (series.id, latest)
                }
                return page.last?.id
            }
        }
        return newest
    }

    private mutating func recall(_ key: SeriesKey, _ stored: Stored, from snapshot: StorageSnapshot) throws {
        var memory = StoredSeriesState(latest: .init(value: stored.latest.value, time: stored.latest.time))
        for rule in evaluator.rules(for: key) {
            guard case .change(_, let duration, _) = rule.condition else { continue }
            let start = now.advanced(by: .zero - duration)
            guard stored.latest.time >= start, valuesLeft > 0 else { continue }
            let limit = min(valuesLeft, Self.maxSeriesValues)
            let parts = try snapshot.extremes(
                of: stored.id, from: start, partLength: duration / StoredSeriesState.partCount, limit: limit)
            let count = parts.reduce(0) { $0 + $1.count }
            valuesLeft -= count
            memory.windows[rule.name] = StoredSeriesState.Window(
                // A device's clock may run ahead, so a stored time may lie in the future. Times of new readings are
                // clamped to now.
                parts: parts.map { .init(time: min($0.start, now), minimum: $0.minimum, maximum: $0.maximum) },
                isWhole: count < limit)
        }
        evaluator.recall(key, memory)
    }
}

extension StoredAlert {
    /// Creates the stored form of an alert.
    ///
    /// - Parameters:
    ///   - rule: The alert's rule. `nil` when the rule was removed; the stored texts are kept then.
    ///   - earlier: The alert as stored before. Its trace ID, acknowledging user and announced state are kept.
    init(_ alert: Alert, rule: AlertRule?, earlier: StoredAlert?, trace: String?) {
        self.init(
            alertID: alert.id, rule: alert.rule, title: rule?.title ?? earlier?.title ?? alert.rule,
            severity: rule?.severity.rawValue ?? earlier?.severity ?? "warning",
            device: alert.device.rawValue, room: alert.room, metric: alert.metric, unit: alert.unit, value: alert.value,
            state: State(alert.state), condition: rule?.conditionText ?? earlier?.condition ?? "",
            message: rule?.text(for: alert) ?? earlier?.message ?? "", pendingAt: alert.pendingAt,
            firedAt: alert.firedAt, resolvedAt: alert.resolvedAt, lastNotifiedAt: alert.lastNotifiedAt,
            acknowledgedAt: alert.acknowledgedAt, acknowledgedBy: earlier?.acknowledgedBy,
            traceID: earlier?.traceID ?? trace, cause: alert.cause?.traceparent,
            isAnnounced: earlier?.isAnnounced ?? false)
    }

    /// The alert in the evaluator's form; `nil` when the device's name is not a valid `DeviceID`.
    var restored: Alert? {
        guard let device = DeviceID(device) else { return nil }
        return Alert(
            id: alertID, rule: rule, device: device, room: room, metric: metric, unit: unit, value: value,
            state: state.restored, pendingAt: pendingAt, firedAt: firedAt, resolvedAt: resolvedAt,
            lastNotifiedAt: lastNotifiedAt,
            acknowledgedAt: acknowledgedAt, cause: cause.flatMap { TraceContext(traceparent: $0) })
    }
}

extension AlertTemplate {
    /// Returns the text that announces the end of an alert, such as `greenhouse-1: temperature is 28 °C`.
    static func resolvedText(_ alert: StoredAlert) -> String {
        guard let value = alert.value else { return "\(alert.device): no longer reports \(alert.metric)" }
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
