import Core

/// The part of an evaluator that a rollback restores: its time, and the watched series with their alerts.
///
/// While an evaluation is open, the earlier state of each changed series is logged. The cost of undoing an evaluation
/// depends on the series that it changed, not on the number of all series. Evaluations nest like savepoints.
struct EvaluatorState: Sendable {
    /// The state before an evaluation, as far as the evaluation has changed it.
    private struct UndoLog {
        /// The changed series; `nil` for those that did not exist.
        var series: [SeriesKey: WatchedSeries?] = [:]
        let now: Timestamp
        var listeningSince: Timestamp?
        let orphans: [Alert]
    }

    /// The latest known time. It never goes back, except when the clock is set.
    var now: Timestamp
    /// When messages from devices began to arrive; `nil` while none can.
    var listeningSince: Timestamp?
    /// Restored alerts without a matching rule, which are still to be ended.
    var orphans: [Alert] = []

    private var series: [SeriesKey: WatchedSeries] = [:]
    private let capacity: Int
    /// The sum of the series' ``WatchedSeries/weight``, which `capacity` limits.
    private var weight = 0
    /// True when the last eviction could not free enough capacity, and no alert has ended since.
    private var isFull = false
    /// The pending and firing alerts by ID.
    private var active: [String: (key: SeriesKey, rule: Int)] = [:]
    /// One log per open evaluation, the innermost last.
    private var undoLogs: [UndoLog] = []

    init(capacity: Int, at now: Timestamp) {
        self.capacity = max(1, capacity)
        self.now = now
    }

    // MARK: Series

    var keys: some Sequence<SeriesKey> { series.keys }

    subscript(key: SeriesKey) -> WatchedSeries? { series[key] }

    /// Changes a watched series in place. Returns `nil` if the series is not watched.
    @discardableResult
    mutating func update<Result>(_ key: SeriesKey, _ body: (inout WatchedSeries) -> Result) -> Result? {
        guard let index = series.index(forKey: key) else { return nil }
        log(key)
        return body(&series.values[index])
    }

    /// Changes a series now and in the state that a rollback restores.
    mutating func updatePermanently(_ key: SeriesKey, _ body: (inout WatchedSeries) -> Void) {
        for index in undoLogs.indices {
            guard case .some(.some(var earlier)) = undoLogs[index].series[key] else { continue }
            body(&earlier)
            undoLogs[index].series.updateValue(earlier, forKey: key)
        }
        if let index = series.index(forKey: key) { body(&series.values[index]) }
    }

    /// Pauses silence now and in the state that a rollback restores.
    mutating func stopListening() {
        listeningSince = nil
        for index in undoLogs.indices { undoLogs[index].listeningSince = nil }
    }

    /// Removes all series and their alerts, and returns the series. Must not be called while an evaluation is open.
    mutating func removeAll() -> [SeriesKey: WatchedSeries] {
        defer {
            series = [:]
            active = [:]
            weight = 0
            isFull = false
        }
        return series
    }

    // MARK: Capacity

    func fits(_ new: WatchedSeries) -> Bool { weight + new.weight <= capacity }

    mutating func insert(_ new: WatchedSeries, for key: SeriesKey) {
        log(key)
        series[key] = new
        weight += new.weight
    }

    /// Evicts the longest silent series without active alerts, and returns their keys. A sixteenth of the capacity is
    /// freed at once, so that a flood of new series has a low cost per series.
    mutating func evict(for needed: Int) -> [SeriesKey] {
        if isFull { return [] }
        let idle = series.filter { !$0.value.isActive }.sorted { $0.value.heardAt < $1.value.heardAt }
        let goal = capacity - max(needed, capacity / 16)
        var evicted: [SeriesKey] = []
        for (key, silent) in idle where weight > goal {
            log(key)
            series[key] = nil
            weight -= silent.weight
            evicted.append(key)
        }
        isFull = weight + needed > capacity
        return evicted
    }

    // MARK: Alerts

    var activeCount: Int { active.count }

    var keysOfActiveAlerts: [SeriesKey] { active.values.map(\.key) }

    /// Returns the series and the rule of a pending or firing alert.
    func location(of id: String) -> (key: SeriesKey, rule: Int)? { active[id] }

    /// Adds a pending or firing alert to the index of active alerts.
    mutating func addActive(_ id: String, of key: SeriesKey, rule: Int) {
        active[id] = (key, rule)
    }

    /// Updates the index of active alerts after transitions of the series.
    mutating func indexAlerts(after transitions: ArraySlice<AlertTransition>, of key: SeriesKey) {
        for transition in transitions {
            switch transition.kind {
            case .pending, .firing, .repeated:
                if let rule = transition.ruleIndex { addActive(transition.alert.id, of: key, rule: rule) }
            case .resolved, .cancelled:
                active[transition.alert.id] = nil
                isFull = false
            }
        }
    }

    // MARK: Undo

    /// True while an evaluation is open.
    var isOpen: Bool { !undoLogs.isEmpty }

    mutating func begin() {
        undoLogs.append(UndoLog(now: now, listeningSince: listeningSince, orphans: orphans))
    }

    /// Keeps the changes of the innermost open evaluation. The enclosing one, if any, can still undo them.
    mutating func commit() {
        guard let log = undoLogs.popLast(), let outer = undoLogs.indices.last else { return }
        undoLogs[outer].series.merge(log.series) { earlier, _ in earlier }
    }

    /// Undoes the changes of the innermost open evaluation, and returns the series that it had changed.
    mutating func rollback() -> [SeriesKey] {
        guard let log = undoLogs.popLast() else { return [] }
        now = log.now
        listeningSince = log.listeningSince
        orphans = log.orphans
        for (key, earlier) in log.series {
            for (id, _) in activeAlerts(of: key) { active[id] = nil }
            weight += (earlier?.weight ?? 0) - (series[key]?.weight ?? 0)
            series[key] = earlier
            for (id, rule) in activeAlerts(of: key) { active[id] = (key, rule) }
        }
        isFull = false
        return Array(log.series.keys)
    }

    private func activeAlerts(of key: SeriesKey) -> [(id: String, rule: Int)] {
        (series[key]?.slots ?? []).compactMap { slot in
            slot.machine.isActive ? slot.machine.alert.map { ($0.id, slot.rule) } : nil
        }
    }

    /// Logs a series before its first change in the innermost open evaluation.
    private mutating func log(_ key: SeriesKey) {
        guard let innermost = undoLogs.indices.last, undoLogs[innermost].series.index(forKey: key) == nil else {
            return
        }
        undoLogs[innermost].series.updateValue(series[key], forKey: key)
    }
}
