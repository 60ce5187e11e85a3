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
        var last: Int64 = 0
        while true {
            let position = last
            let page = try database.read { try $0.series(after: position, limit: pageSize) }
            guard let end = page.last else { return evaluator }
            last = end.id
            for series in page where metrics.contains(series.metric) {
                try recall(series, &evaluator, &budget, database: database, at: now)
            }
        }
    }

    private static func recall(
        _ series: StoredSeries, _ evaluator: inout AlertEvaluator, _ budget: inout Int, database: Database,
        at now: Timestamp
    ) throws {
        guard let device = DeviceID(series.device) else { return }
        let key = SeriesKey(room: series.room, device: device, metric: series.metric)
        let rules = evaluator.rules(for: key)
        guard !rules.isEmpty, let latest = try database.read({ try $0.latestValue(of: series.id) }) else { return }
        var memory = SeriesMemory(latest: .init(value: latest.value, time: latest.time))
        for rule in rules {
            guard case .change(_, let window, _) = rule.condition else { continue }
            let start = now.advanced(by: .zero - window)
            guard latest.time >= start, budget > 0 else { continue }
            let limit = min(budget, maxSeriesValues)
            let parts = try database.read {
                try $0.extremes(
                    of: series.id, from: start, partLength: window / SeriesMemory.partCount, limit: limit)
            }
            budget -= parts.reduce(0) { $0 + $1.count }
            memory.windows[rule.name] = parts.map {
                SeriesMemory.Part(time: $0.start, minimum: $0.minimum, maximum: $0.maximum)
            }
        }
        evaluator.recall(key, memory)
    }
}
