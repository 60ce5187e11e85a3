package import Core
package import Telemetry

/// An evaluator of all alert rules, with one ``AlertStateMachine`` per rule and series.
///
///     reading ──▶ receive ──▶ WatchedSeries ──▶ AlertStateMachine ──▶ transitions
///     tick ──▶ advance ──▶ series that EvaluationSchedule reports as due ──┘
///
/// It is a value type without locking: its owner serialises access. The evaluations between ``begin()`` and
/// ``rollback()`` are undone, so that the evaluator is never ahead of the stored alerts.
package struct AlertEvaluator: Sendable {
    package private(set) var rules: [AlertRule]
    private var rulesByMetric: [String: [Int]]
    private let ids: any IDGenerator

    private var state: EvaluatorState
    private var schedule = EvaluationSchedule()
    /// True if the next ``advance(to:isListening:)`` must examine all active alerts, because their scheduled times are
    /// outdated.
    var examinesAllActive = true
    /// The number of series examined by ``advance(to:isListening:)`` so far.
    package private(set) var examinedCount = 0

    /// Creates an evaluator of `rules`.
    ///
    /// - Parameters:
    ///   - capacity: The maximum number of pairs of rule and series. Beyond it, the longest silent series without
    ///     active alerts are evicted. If all have active alerts, new series are not watched.
    ///   - restored: Alerts that were active before a restart. They continue without another notification. Those
    ///     without a matching rule are ended by ``takeOrphans(at:)``.
    package init(
        rules: [AlertRule], capacity: Int, ids: any IDGenerator = RandomIDGenerator(), restoring restored: [Alert] = [],
        at now: Timestamp
    ) {
        self.rules = rules
        self.ids = ids
        rulesByMetric = Dictionary(grouping: rules.indices) { rules[$0].metric }
        state = EvaluatorState(capacity: capacity, at: now)
        for alert in restored where alert.state != .resolved {
            if !restore(alert) { state.orphans.append(alert) }
        }
    }

    // MARK: Restarts

    private mutating func restore(_ alert: Alert) -> Bool {
        let key = SeriesKey(room: alert.room, device: alert.device, metric: alert.metric)
        guard watch(key), let slot = state[key]?.slots.first(where: { rules[$0.rule].name == alert.rule }),
            !slot.machine.isActive
        else { return false }
        let (rule, now) = (rules[slot.rule], state.now)
        state.update(key) { $0.update(rule: slot.rule) { $0.restore(alert, rule: rule, at: now) } }
        state.addActive(alert.id, of: key, rule: slot.rule)
        scheduleNow(key)
        return true
    }

    /// Replaces the rules. Rules that stay the same keep their state. An alert whose rule has changed continues as after a
    /// restart, and ``takeOrphans(at:)`` ends the alerts of removed rules. Must not be called while an evaluation is open.
    package mutating func replaceRules(_ newRules: [AlertRule], at now: Timestamp) {
        let indices = Dictionary(newRules.indices.map { (newRules[$0].name, $0) }) { first, _ in first }
        let successors = rules.map { rule in indices[rule.name].flatMap { newRules[$0] == rule ? $0 : nil } }
        state.now = max(state.now, now)
        let earlier = state.removeAll()
        rules = newRules
        rulesByMetric = Dictionary(grouping: newRules.indices) { newRules[$0].metric }
        schedule = EvaluationSchedule()
        examinesAllActive = true
        var interrupted: [Alert] = []
        // If the capacity does not suffice for more rules per series, those that matter least are dropped.
        let (active, idle) = (earlier.filter(\.value.isActive), earlier.filter { !$0.value.isActive })
        for (key, old) in Array(active) + idle.sorted(by: { $0.value.heardAt > $1.value.heardAt }) {
            interrupted += adopt(old, key, successors)
        }
        for alert in interrupted where !restore(alert) { state.orphans.append(alert) }
    }

    /// Continues to watch a series after the rules were replaced. Returns its active alerts whose rule has changed.
    ///
    /// - Parameter successors: The new index of each earlier rule; `nil` for a rule that was changed or removed.
    private mutating func adopt(_ old: WatchedSeries, _ key: SeriesKey, _ successors: [Int?]) -> [Alert] {
        let slots = slots(for: key).map { slot in
            var slot = slot
            if let kept = old.slots.first(where: { successors[$0.rule] == slot.rule }) {
                slot.machine = kept.machine
            } else {
                slot.machine.expect(lastAt: old.heardAt, rule: rules[slot.rule], at: state.now)
            }
            return slot
        }
        let series = WatchedSeries(slots: slots, heardAt: old.heardAt)
        let isKept = rulesByMetric[key.metric] != nil && state.fits(series)
        if isKept {
            state.insert(series, for: key)
            for slot in slots where slot.machine.isActive {
                if let alert = slot.machine.alert { state.addActive(alert.id, of: key, rule: slot.rule) }
            }
            scheduleNow(key)
        }
        return old.slots.filter { $0.machine.isActive && !(isKept && successors[$0.rule] != nil) }
            .compactMap(\.machine.alert)
    }

    /// Returns the rules that would evaluate values of the series.
    package func rules(for key: SeriesKey) -> [AlertRule] {
        (rulesByMetric[key.metric] ?? []).map { rules[$0] }.filter { $0.covers(key.device) }
    }

    /// Restores a series from the data stored before a restart, from which its `no_data` and `change` rules continue.
    package mutating func recall(_ key: SeriesKey, _ memory: StoredSeriesState) {
        guard watch(key) else { return }
        let context = context(of: key)
        state.update(key) { $0.recall(memory, in: context) }
        scheduleNow(key)
    }

    // MARK: Queries

    /// Returns the rule of a transition; `nil` for a restored alert that no current rule covers.
    package func rule(of transition: AlertTransition) -> AlertRule? { transition.ruleIndex.map { rules[$0] } }

    /// True when there are no rules and no alerts to evaluate.
    package var isEmpty: Bool { rules.isEmpty && state.orphans.isEmpty && state.activeCount == 0 }

    /// The number of pending and firing alerts.
    package var activeCount: Int { state.activeCount }

    /// Returns the pending or firing alert with the ID.
    package func alert(_ id: String) -> Alert? {
        state.location(of: id).flatMap { state[$0.key]?.alert(of: $0.rule) }
    }

    // MARK: Evaluation

    /// Evaluates a reading at its receive time. Retained readings, which may be of any age, are ignored.
    ///
    /// - Parameters:
    ///   - latest: The current time. It replaces a later receive time, which dates from before the clock was set back.
    ///   - cause: The trace context to store with a new alert; defaults to the reading's own.
    package mutating func receive(
        _ reading: Reading, notAfter latest: Timestamp? = nil, cause: TraceContext? = nil
    ) -> [AlertTransition] {
        if rules.isEmpty || reading.isRetained { return [] }
        let receivedAt = min(reading.receivedAt, latest ?? reading.receivedAt)
        var transitions: [AlertTransition] = []
        for metric in reading.metrics where rulesByMetric[metric.name] != nil {
            let key = SeriesKey(room: reading.room, device: reading.device, metric: metric.name)
            state.now = max(state.now, receivedAt)
            guard watch(key) else { continue }
            let context = context(of: key)
            let earlierCount = transitions.count
            let isOrWasActive = state.update(key) { series in
                let wasActive = series.isActive
                series.receive(
                    metric, measuredAt: min(reading.time, receivedAt), cause: cause ?? reading.trace, in: context,
                    into: &transitions)
                return wasActive || series.isActive
            }
            state.indexAlerts(after: transitions[earlierCount...], of: key)
            if isOrWasActive == true { schedule.scheduleAlerts(of: state[key], in: context) }
        }
        return transitions
    }

    /// Evaluates the effects of elapsed time; call it about once a second. It examines only alerts that may be due, or
    /// all active ones after the clock was set or `isListening` changed.
    ///
    /// - Parameter isListening: True while messages from devices can arrive. Silence is measured only from when that
    ///   begins.
    package mutating func advance(to instant: Timestamp, isListening: Bool) -> [AlertTransition] {
        state.now = max(state.now, instant)
        let before = state.listeningSince
        state.listeningSince = isListening ? before ?? state.now : nil
        if state.listeningSince != before { examinesAllActive = true }
        // Silence does not count while no messages can arrive.
        let silent = isListening ? schedule.takeSilent(at: state.now) : []
        var keys = Set(schedule.takeAlerts(at: state.now)).union(silent)
        if examinesAllActive { keys.formUnion(state.keysOfActiveAlerts) }
        examinesAllActive = false
        var transitions: [AlertTransition] = []
        for key in keys {
            examinedCount += 1
            guard var series = state[key] else { continue }
            let earlierCount = transitions.count
            guard series.advance(in: context(of: key), into: &transitions) else { continue }
            state.update(key) { $0 = series }
            state.indexAlerts(after: transitions[earlierCount...], of: key)
        }
        for key in keys { schedule.scheduleAlerts(of: state[key], in: context(of: key)) }
        for key in silent { schedule.scheduleSilence(of: state[key], in: context(of: key)) }
        return transitions.sorted {
            ($0.alert.pendingAt, $0.alert.device.rawValue, $0.alert.rule)
                < ($1.alert.pendingAt, $1.alert.device.rawValue, $1.alert.rule)
        }
    }

    /// Pauses `no_data` rules until ``advance(to:isListening:)`` reports that messages from devices arrive again. Takes
    /// effect at once, and ``rollback()`` does not undo it.
    package mutating func stopListening() {
        state.stopListening()
        examinesAllActive = true
    }

    /// Adjusts all times by `step` after the clock was set. Elapsed durations are kept, but silence is measured anew.
    /// Must not be called while an evaluation is open.
    package mutating func shiftClock(by step: Duration) {
        state.now = state.now.advanced(by: step)
        state.listeningSince = state.listeningSince.map { _ in state.now }
        for key in state.keys {
            let context = context(of: key)
            state.update(key) { $0.shift(by: step, in: context) }
            scheduleNow(key)
        }
        examinesAllActive = true
    }

    /// Ends restored alerts whose rule no longer exists or no longer covers their device.
    package mutating func takeOrphans(at now: Timestamp) -> [AlertTransition] {
        defer { state.orphans = [] }
        return state.orphans.map { alert in
            var alert = alert
            let kind: AlertTransition.Kind = alert.state == .firing ? .resolved : .cancelled
            alert.state = .resolved
            alert.resolvedAt = now
            return AlertTransition(kind: kind, alert: alert)
        }
    }

    /// Records that an alert's delayed notification was sent at `instant`.
    package mutating func notified(_ id: String, at instant: Timestamp) {
        guard let (key, rule) = state.location(of: id) else { return }
        state.update(key) { $0.update(rule: rule) { $0.notified(at: instant) } }
        schedule.scheduleAlerts(of: state[key], in: context(of: key))
    }

    /// Acknowledges an alert. This persists even if an open evaluation is rolled back.
    package mutating func acknowledge(_ id: String, at now: Timestamp) {
        guard let (key, rule) = state.location(of: id) else { return }
        state.updatePermanently(key) { $0.update(rule: rule) { $0.acknowledge(at: now) } }
    }

    // MARK: Commit and rollback

    /// True while an evaluation is open.
    package var isOpen: Bool { state.isOpen }

    /// Opens an evaluation, which ends with ``commit()`` or ``rollback()``. Evaluations nest like savepoints.
    package mutating func begin() { state.begin() }

    /// Keeps all changes since the latest ``begin()``.
    package mutating func commit() { state.commit() }

    /// Discards all changes since the latest ``begin()``.
    package mutating func rollback() {
        guard isOpen else { return }
        for key in state.rollback() { scheduleNow(key) }
        examinesAllActive = true
    }

    // MARK: Series

    private func context(of key: SeriesKey) -> EvaluationContext {
        EvaluationContext(key: key, rules: rules, ids: ids, now: state.now, listeningSince: state.listeningSince)
    }

    private mutating func scheduleNow(_ key: SeriesKey) {
        schedule.scheduleNow(state[key], in: context(of: key))
    }

    /// Starts watching a series if necessary. Returns false if no rule covers it or there is no capacity for it.
    private mutating func watch(_ key: SeriesKey) -> Bool {
        if let series = state[key] { return !series.slots.isEmpty }
        let series = WatchedSeries(slots: slots(for: key), heardAt: state.now)
        if !state.fits(series) {
            for evicted in state.evict(for: series.weight) { schedule.remove(evicted) }
        }
        guard state.fits(series) else { return false }
        state.insert(series, for: key)
        scheduleNow(key)
        return !series.slots.isEmpty
    }

    /// Returns a slot without state for each rule that watches the series.
    private func slots(for key: SeriesKey) -> [WatchedSeries.Slot] {
        (rulesByMetric[key.metric] ?? []).filter { rules[$0].covers(key.device) }.map {
            WatchedSeries.Slot(rule: $0, machine: AlertStateMachine(rule: rules[$0]))
        }
    }
}
