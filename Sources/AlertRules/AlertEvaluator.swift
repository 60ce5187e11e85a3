package import Core
package import Telemetry

/// An evaluator of all alert rules, with one ``AlertStateMachine`` per rule and series.
///
/// It is a value type without locking: its owner serialises access. A batch whose transaction fails can be rolled back,
/// so that the evaluator is never ahead of the stored alerts.
package struct AlertEvaluator: Sendable {
    private struct Undo {
        /// The changed series as they were before the batch; `nil` for those that did not exist.
        var series: [SeriesKey: WatchedSeries?] = [:]
        var now: Timestamp
        var listeningSince: Timestamp?
    }

    package let rules: [AlertRule]
    private let rulesByMetric: [String: [Int]]
    private let capacity: Int
    private let ids: any IDGenerator

    private var watched: [SeriesKey: WatchedSeries] = [:]
    /// The sum of the watched series' ``WatchedSeries/weight``, which `capacity` limits.
    private var weight = 0
    /// True when the last eviction could not free enough capacity, and no alert has ended since.
    private var isFull = false
    /// When to check each series for missing data: never too late, but often earlier than necessary.
    private var silences = SeriesSchedule()
    /// The earliest time at which elapsed time can affect the active alerts of each series.
    private var steps = SeriesSchedule()
    /// True if the next ``advance(to:isListening:)`` must examine all active alerts: `steps` is outdated.
    var looksAtAll = true
    /// The number of series examined by ``advance(to:isListening:)`` so far.
    package private(set) var examinedCount = 0
    /// The pending and firing alerts by ID.
    private var active: [String: (key: SeriesKey, rule: Int)] = [:]
    /// The state before the open batch; `nil` if no batch is open.
    private var undo: Undo?
    private var orphans: [Alert] = []
    private var hasTakenOrphans = false
    private var listeningSince: Timestamp?
    /// The latest known time. It never goes back, except when the clock is set.
    private var now: Timestamp

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
        self.capacity = max(1, capacity)
        self.ids = ids
        self.now = now
        rulesByMetric = Dictionary(grouping: rules.indices) { rules[$0].metric }
        for alert in restored where alert.state != .resolved {
            if !restore(alert) { orphans.append(alert) }
        }
    }

    // MARK: Restarts

    private mutating func restore(_ alert: Alert) -> Bool {
        let key = SeriesKey(room: alert.room, device: alert.device, metric: alert.metric)
        watch(key)
        guard var series = watched[key],
            let index = series.slots.firstIndex(where: { rules[$0.rule].name == alert.rule }),
            !series.slots[index].machine.isActive
        else { return false }
        let rule = series.slots[index].rule
        series.slots[index].machine.restore(alert, rule: rules[rule], at: now)
        watched[key] = series
        active[alert.id] = (key, rule)
        lookSoon(at: key)
        return true
    }

    /// Returns the rules that would evaluate values of the series.
    package func rules(for key: SeriesKey) -> [AlertRule] {
        (rulesByMetric[key.metric] ?? []).map { rules[$0] }.filter { $0.covers(key.device) }
    }

    /// Restores a series from the data stored before a restart, from which its `no_data` and `change` rules continue.
    package mutating func recall(_ key: SeriesKey, _ memory: StoredSeriesState) {
        watch(key)
        guard var series = watched[key] else { return }
        for index in series.slots.indices {
            let rule = rules[series.slots[index].rule]
            if let latest = memory.latest {
                series.slots[index].machine.expect(lastAt: latest.time, rule: rule, at: now)
            }
            series.slots[index].machine.recall(
                memory.windows[rule.name], latest: memory.latest?.value, rule: rule)
        }
        if let latest = memory.latest { series.heardAt = min(latest.time, now) }
        watched[key] = series
        lookSoon(at: key)
    }

    // MARK: Queries

    /// True when there are no rules and no alerts to evaluate.
    package var isEmpty: Bool { rules.isEmpty && orphans.isEmpty && active.isEmpty }

    /// The number of pending and firing alerts.
    package var activeCount: Int { active.count }

    /// Returns the pending or firing alert with the ID.
    package func alert(_ id: String) -> Alert? {
        guard let (key, rule) = active[id] else { return nil }
        return watched[key]?.slots.first { $0.rule == rule }?.machine.alert
    }

    // MARK: Events

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
            now = max(now, receivedAt)
            guard watch(key), watched[key]?.slots.isEmpty == false else { continue }
            note(key)
            let wasActive = watched[key]?.isActive == true
            watched[key]?.heardAt = now
            let instant = now
            let listeningSince = listeningSince
            for index in watched[key]?.slots.indices ?? 0..<0 {
                // The previous value counted until now, so the effects of elapsed time come first.
                if let slot = watched[key]?.slots[index], slot.machine.isActive,
                    !slot.machine.staysPending(
                        with: metric.value, measuredAt: min(reading.time, receivedAt), at: instant,
                        rule: rules[slot.rule])
                {
                    step(key, index, &transitions) { machine, rule, makeAlert in
                        machine.advance(to: instant, rule: rule, listeningSince: listeningSince, makeAlert: makeAlert)
                    }
                }
                step(key, index, &transitions) { machine, rule, makeAlert in
                    machine.receive(
                        metric, measuredAt: min(reading.time, receivedAt), at: instant,
                        cause: cause ?? reading.trace, rule: rule, makeAlert: makeAlert)
                }
            }
            if wasActive || watched[key]?.isActive == true { planStep(of: key) }
        }
        return transitions
    }

    /// Evaluates the effects of elapsed time; call it about once a second. It examines only alerts that may be due, or
    /// all active ones after the clock was set or `isListening` changed.
    ///
    /// - Parameter isListening: True while messages from devices can arrive. Silence is measured only from when that
    ///   begins.
    package mutating func advance(to instant: Timestamp, isListening: Bool) -> [AlertTransition] {
        now = max(now, instant)
        let before = listeningSince
        listeningSince = isListening ? listeningSince ?? now : nil
        if listeningSince != before { looksAtAll = true }
        let (now, listeningSince) = (now, listeningSince)
        var transitions: [AlertTransition] = []
        // Silence does not count while no messages can arrive.
        let due = listeningSince == nil ? [] : silences.takeDue(at: now)
        var keys = Set(steps.takeDue(at: now)).union(due)
        if looksAtAll { keys.formUnion(active.values.map(\.key)) }
        looksAtAll = false
        for key in keys {
            examinedCount += 1
            guard let series = watched[key] else { continue }
            for (index, slot) in series.slots.enumerated()
            where slot.machine.isDue(at: now, rules[slot.rule].condition, listeningSince: listeningSince) {
                step(key, index, &transitions) { machine, rule, makeAlert in
                    machine.advance(to: now, rule: rule, listeningSince: listeningSince, makeAlert: makeAlert)
                }
            }
        }
        for key in keys { planStep(of: key) }
        for key in due { lookAgain(at: key) }
        return transitions.sorted {
            ($0.alert.pendingAt, $0.alert.device.rawValue, $0.alert.rule)
                < ($1.alert.pendingAt, $1.alert.device.rawValue, $1.alert.rule)
        }
    }

    /// Pauses `no_data` rules until ``advance(to:isListening:)`` reports that messages from devices arrive again. Takes
    /// effect at once, and ``rollback()`` does not undo it.
    package mutating func stopListening() {
        listeningSince = nil
        undo?.listeningSince = nil
        looksAtAll = true
    }

    /// Adjusts all times by `step` after the clock was set. Elapsed durations are kept, but silence is measured anew.
    /// Must not be called within an open batch.
    package mutating func shiftClock(by step: Duration) {
        now = now.advanced(by: step)
        listeningSince = listeningSince.map { _ in now }
        for (key, series) in watched {
            var series = series
            series.heardAt = series.heardAt.advanced(by: step)
            for index in series.slots.indices {
                series.slots[index].machine.shift(by: step, rule: rules[series.slots[index].rule], at: now)
            }
            watched[key] = series
            lookSoon(at: key)
        }
        looksAtAll = true
    }

    /// Ends restored alerts whose rule no longer exists or no longer covers their device.
    package mutating func takeOrphans(at now: Timestamp) -> [AlertTransition] {
        hasTakenOrphans = true
        defer { if undo == nil { commit() } }
        return orphans.map { alert in
            var alert = alert
            let kind: AlertTransition.Kind = alert.state == .firing ? .resolved : .cancelled
            alert.state = .resolved
            alert.resolvedAt = now
            return AlertTransition(kind: kind, alert: alert)
        }
    }

    /// Records that an alert's delayed notification was sent at `instant`.
    package mutating func told(_ id: String, at instant: Timestamp) {
        guard let (key, rule) = active[id], let slot = watched[key]?.slots.firstIndex(where: { $0.rule == rule })
        else { return }
        note(key)
        watched[key]?.slots[slot].machine.told(at: instant)
        planStep(of: key)
    }

    /// Acknowledges an alert. This persists even if an open batch is rolled back.
    package mutating func acknowledge(_ id: String, at now: Timestamp) {
        guard let (key, rule) = active[id] else { return }
        Self.acknowledge(&watched[key], rule, at: now)
        if var earlier = undo?.series[key] {
            Self.acknowledge(&earlier, rule, at: now)
            undo?.series[key] = .some(earlier)
        }
    }

    private static func acknowledge(_ series: inout WatchedSeries?, _ rule: Int, at now: Timestamp) {
        guard let slot = series?.slots.firstIndex(where: { $0.rule == rule }) else { return }
        series?.slots[slot].machine.acknowledge(at: now)
    }

    // MARK: Batches

    /// True while a batch is open.
    package var isOpen: Bool { undo != nil }

    /// Opens a batch that can be rolled back. Has no effect if one is already open.
    package mutating func begin() {
        if undo == nil { undo = Undo(now: now, listeningSince: listeningSince) }
    }

    /// Keeps everything since ``begin()``.
    package mutating func commit() {
        undo = nil
        if hasTakenOrphans { orphans = [] }
        hasTakenOrphans = false
    }

    /// Discards everything since ``begin()``.
    package mutating func rollback() {
        guard let undo else { return }
        now = undo.now
        listeningSince = undo.listeningSince
        for (key, earlier) in undo.series {
            forgetActive(key)
            weight += (earlier?.weight ?? 0) - (watched[key]?.weight ?? 0)
            watched[key] = earlier
            rememberActive(key)
        }
        self.undo = nil
        isFull = false
        hasTakenOrphans = false
        looksAtAll = true
    }

    // MARK: Steps and schedules

    /// Schedules the series to be examined at once: for silence if it has `no_data` rules, and for active alerts.
    private mutating func lookSoon(at key: SeriesKey) {
        if nextLook(at: key) != nil { silences.schedule(key, at: now) }
        steps.schedule(key, at: watched[key]?.isActive == true ? now : nil)
    }

    /// Schedules the series for the next possible state change of its alerts.
    private mutating func planStep(of key: SeriesKey) {
        let next = watched[key]?.slots.compactMap { slot in
            slot.machine.nextStep(rules[slot.rule], listeningSince: listeningSince, at: now)
        }.min()
        steps.schedule(key, at: next)
    }

    /// Schedules the series for the time when it may have been silent for too long.
    private mutating func lookAgain(at key: SeriesKey) {
        if let instant = nextLook(at: key) { silences.schedule(key, at: instant) }
    }

    /// Returns the earliest time at which the series may be silent for too long; `nil` without `no_data` rules. Later
    /// values never make it earlier.
    private func nextLook(at key: SeriesKey) -> Timestamp? {
        watched[key]?.slots.compactMap { slot in
            guard case .noData(let duration) = rules[slot.rule].condition else { return nil }
            return slot.machine.silenceBegan(listeningSince: listeningSince, at: now).advanced(by: duration)
        }.min()
    }

    /// Runs one step of a rule's state machine, stores the changed machine and appends the transition, if any.
    private mutating func step(
        _ key: SeriesKey, _ index: Int, _ transitions: inout [AlertTransition],
        _ body: (inout AlertStateMachine, AlertRule, () -> Alert) -> AlertTransition.Kind?
    ) {
        guard let slot = watched[key]?.slots[index] else { return }
        let rule = rules[slot.rule]
        var machine = slot.machine
        let kind = body(&machine, rule) {
            Alert(
                id: ids.next(), rule: rule.name, device: key.device, room: key.room, metric: rule.metric,
                state: .pending, pendingAt: now)
        }
        guard kind != nil || machine != slot.machine else { return }
        note(key)
        watched[key]?.slots[index].machine = machine
        guard let kind, let alert = machine.alert else { return }
        switch kind {
        case .pending, .firing, .repeated:
            active[alert.id] = (key, slot.rule)
        case .resolved, .cancelled:
            active[alert.id] = nil
            isFull = false
        }
        transitions.append(AlertTransition(kind: kind, alert: alert, ruleIndex: slot.rule))
    }

    private mutating func note(_ key: SeriesKey) {
        guard undo != nil, undo?.series[key] == nil else { return }
        undo?.series[key] = .some(watched[key])
    }

    private mutating func forgetActive(_ key: SeriesKey) {
        for slot in watched[key]?.slots ?? [] where slot.machine.isActive {
            if let id = slot.machine.alert?.id { active[id] = nil }
        }
    }

    private mutating func rememberActive(_ key: SeriesKey) {
        for slot in watched[key]?.slots ?? [] where slot.machine.isActive {
            if let id = slot.machine.alert?.id { active[id] = (key, slot.rule) }
        }
        lookSoon(at: key)
    }

    // MARK: Capacity

    /// Starts watching a series if necessary; returns false if there is no capacity for it.
    @discardableResult
    private mutating func watch(_ key: SeriesKey) -> Bool {
        if watched[key] != nil { return true }
        let slots = (rulesByMetric[key.metric] ?? []).filter { rules[$0].covers(key.device) }.map {
            WatchedSeries.Slot(rule: $0, machine: AlertStateMachine(rule: rules[$0]))
        }
        let series = WatchedSeries(slots: slots, heardAt: now)
        if weight + series.weight > capacity { evict(for: series.weight) }
        guard weight + series.weight <= capacity else { return false }
        note(key)
        watched[key] = series
        weight += series.weight
        lookSoon(at: key)
        return true
    }

    /// Evicts a sixteenth of the capacity at once, so that a flood of new series has a low cost per series.
    private mutating func evict(for needed: Int) {
        if isFull { return }
        let idle = watched.filter { !$0.value.isActive }.sorted { $0.value.heardAt < $1.value.heardAt }
        let goal = capacity - max(needed, capacity / 16)
        for (key, series) in idle where weight > goal {
            note(key)
            watched[key] = nil
            silences.schedule(key, at: nil)
            weight -= series.weight
        }
        isFull = weight + needed > capacity
    }
}
