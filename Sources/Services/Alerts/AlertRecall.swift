import AlertRules
import Storage
import Telemetry

/// Makes an evaluator that goes on where the one before the restart was: with the alerts that were going on, the metrics
/// whose silence would matter, and the windows of changes.
struct AlertRecall {
    /// A series as it stands in the database, and its latest value.
    private typealias Stored = (id: Int64, latest: StoredValue)

    /// Series read from one snapshot.
    private static let pageSize = 1000
    /// Values that are read for the windows of all rules: a second's work or so. Of what is beyond, changes are seen
    /// from now on only.
    private static let maxValues = 2_000_000
    /// Values of one series' window; the latest of them.
    private static let maxSeriesValues = 100_000

    private let database: Database
    private let now: Timestamp
    private var evaluator: AlertEvaluator
    private var valuesLeft = maxValues

    /// - Throws: what makes the database unreadable.
    static func evaluator(
        _ configuration: AlertService.Configuration, database: Database, ids: any IDGenerator, at now: Timestamp
    ) throws -> AlertEvaluator {
        let active = try database.read { try $0.activeAlerts() }
        var recall = AlertRecall(
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

    /// Of a metric that was given in several units, and so is several series, the one that was spoken of last.
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
        var memory = SeriesMemory(latest: .init(value: stored.latest.value, time: stored.latest.time))
        for rule in evaluator.rules(for: key) {
            guard case .change(_, let duration, _) = rule.condition else { continue }
            let start = now.advanced(by: .zero - duration)
            guard stored.latest.time >= start, valuesLeft > 0 else { continue }
            let limit = min(valuesLeft, Self.maxSeriesValues)
            let parts = try snapshot.extremes(
                of: stored.id, from: start, partLength: duration / SeriesMemory.partCount, limit: limit)
            let count = parts.reduce(0) { $0 + $1.count }
            valuesLeft -= count
            memory.windows[rule.name] = SeriesMemory.Window(
                // A device's clock may be ahead; what it measures from now on is not.
                parts: parts.map { .init(time: min($0.start, now), minimum: $0.minimum, maximum: $0.maximum) },
                isWhole: count < limit)
        }
        evaluator.recall(key, memory)
    }
}
