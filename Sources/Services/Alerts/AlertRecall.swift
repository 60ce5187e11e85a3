import AlertRules
import Storage
import Telemetry

/// Makes an evaluator that goes on where the one before the restart was: with the alerts that were going on, the metrics
/// whose silence would matter, and the windows of changes.
enum AlertRecall {
    /// Series read at once.
    private static let pageSize = 1000
    /// Values that are read for the windows of all rules: a second's work or so. Of what is beyond, changes are seen
    /// from now on only.
    private static let maxValues = 2_000_000
    /// Values of one series' window; the latest of them.
    private static let maxSeriesValues = 100_000

    /// - Throws: what makes the database unreadable.
    static func evaluator(
        _ configuration: AlertService.Configuration, database: Database, ids: any IDGenerator, at now: Timestamp
    ) throws -> AlertEvaluator {
        let active = try database.read { try $0.activeAlerts() }
        var evaluator = AlertEvaluator(
            rules: configuration.rules, capacity: configuration.maxWatched, ids: ids,
            restoring: active.compactMap(\.restored), at: now)
        let metrics = Set(configuration.rules.map(\.metric))
        guard !metrics.isEmpty else { return evaluator }
        var budget = maxValues
        var last: Int64? = 0
        while let position = last {
            last = try database.read { snapshot in
                let page = try snapshot.series(after: position, limit: pageSize)
                for series in page where metrics.contains(series.metric) {
                    try recall(series, &evaluator, &budget, from: snapshot, at: now)
                }
                return page.last?.id
            }
        }
        return evaluator
    }

    private static func recall(
        _ series: StoredSeries, _ evaluator: inout AlertEvaluator, _ budget: inout Int, from snapshot: StorageSnapshot,
        at now: Timestamp
    ) throws {
        guard let device = DeviceID(series.device) else { return }
        let key = SeriesKey(room: series.room, device: device, metric: series.metric)
        let rules = evaluator.rules(for: key)
        guard !rules.isEmpty, let latest = try snapshot.latestValue(of: series.id) else { return }
        var memory = SeriesMemory(latest: .init(value: latest.value, time: latest.time))
        for rule in rules {
            guard case .change(_, let window, _) = rule.condition else { continue }
            let start = now.advanced(by: .zero - window)
            guard latest.time >= start, budget > 0 else { continue }
            let parts = try snapshot.extremes(
                of: series.id, from: start, partLength: window / SeriesMemory.partCount,
                limit: min(budget, maxSeriesValues))
            budget -= parts.reduce(0) { $0 + $1.count }
            memory.windows[rule.name] = parts.map {
                SeriesMemory.Part(time: $0.start, minimum: $0.minimum, maximum: $0.maximum)
            }
        }
        evaluator.recall(key, memory)
    }
}
