package import Telemetry

/// All rules over all devices.
///
/// A value: whoever holds it decides what happens at the same time. What a batch did can be taken back, so that an alert
/// is never further than what was stored of it.
package struct AlertEvaluator: Sendable {
    private struct Undo {
        /// `nil` for those that were not there.
        var series: [SeriesKey: WatchedSeries?] = [:]
        var now: Timestamp
        var listeningSince: Timestamp?
    }

    package let rules: [AlertRule]
    private let rulesByMetric: [String: [Int]]
    private let capacity: Int
    private let ids: any IDGenerator

    private var watched: [SeriesKey: WatchedSeries] = [:]
    /// The sum of what the watched series count.
    private var weight = 0
    /// Nothing could be forgotten the last time, and no alert has ended since.
    private var isFull = false
    /// When to look next whether a series was silent for too long: never later than it may be, and often earlier.
    private var silences = LookSchedule()
    /// The earliest time at which an active alert may change its state.
    private var steps = LookSchedule()
    /// The next tick looks at all active alerts, because their schedule does not hold any more.
    var looksAtAll = true
    /// Series that ``advance(to:isListening:)`` has looked at since the start.
    package private(set) var examinedCount = 0
    /// Alerts that are going on, by their id.
    private var active: [String: (key: SeriesKey, rule: Int)] = [:]
    /// What was before the batch that is open.
    private var undo: Undo?
    private var orphans: [Alert] = []
    private var hasTakenOrphans = false
    private var listeningSince: Timestamp?
    /// The latest instant: time never goes back, except when the clock is set.
    private var now: Timestamp

    /// - Parameters:
    ///   - capacity: How many times a rule may look at a series. Beyond it the series without alerts that were silent
    ///     longest are forgotten, and when all have alerts further ones are not watched.
    ///   - restored: Alerts that were going on before a restart. They go on as they are: nobody is told again. Those
    ///     that no rule stands behind any more are ended by ``takeOrphans(at:)``.
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

    /// Rules that look at a series, should it speak.
    package func rules(for key: SeriesKey) -> [AlertRule] {
        (rulesByMetric[key.metric] ?? []).map { rules[$0] }.filter { $0.covers(key.device) }
    }

    /// Goes on from what is stored of a series: should it stay silent, that is told, and changes are seen across a
    /// restart. Nothing comes of it at once.
    package mutating func recall(_ key: SeriesKey, _ memory: SeriesMemory) {
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

    // MARK: Asking

    /// Whether there is anything to evaluate.
    package var isEmpty: Bool { rules.isEmpty && orphans.isEmpty && active.isEmpty }

    /// Alerts that are pending or firing.
    package var activeCount: Int { active.count }

    /// The alert that is going on under that id.
    package func alert(_ id: String) -> Alert? {
        guard let (key, rule) = active[id] else { return nil }
        return watched[key]?.slots.first { $0.rule == rule }?.machine.alert
    }

    // MARK: Events

    /// Takes a reading, by the time at which it was received. Those that the broker had retained say nothing of now.
    ///
    /// - Parameters:
    ///   - latest: what the clock says now: a reading that was received after that came before the clock was set back.
    ///   - cause: the trace that a later question leads to; the reading's own when none is given.
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
                // The value before counted until now: what time has brought since the last look comes first.
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

    /// Looks at what time alone has brought; to be called about once a second. Looks at what may be due: at all alerts
    /// that are going on only when devices can be heard again, or no longer, and when the clock was set.
    ///
    /// - Parameter isListening: Whether devices can be heard at all. Once they can again, everybody has the whole time
    ///   again before silence counts.
    package mutating func advance(to instant: Timestamp, isListening: Bool) -> [AlertTransition] {
        now = max(now, instant)
        let before = listeningSince
        listeningSince = isListening ? listeningSince ?? now : nil
        if listeningSince != before { looksAtAll = true }
        let (now, listeningSince) = (now, listeningSince)
        var transitions: [AlertTransition] = []
        // While nobody can be heard, nobody's silence counts.
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

    /// Devices can no longer be heard. Counts at once, whatever becomes of a batch that is open: silence is nobody's until
    /// ``advance(to:isListening:)`` says that they can be heard again.
    package mutating func stopListening() {
        listeningSince = nil
        undo?.listeningSince = nil
        looksAtAll = true
    }

    /// The clock was set: what has passed until now stays as long as it was, and everybody has the whole time again
    /// before silence counts. Not within an open batch.
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

    /// Ends alerts whose rule is gone, or no longer looks at their device.
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

    /// People were told of an alert then, because its silence was over.
    package mutating func told(_ id: String, at instant: Timestamp) {
        guard let (key, rule) = active[id], let slot = watched[key]?.slots.firstIndex(where: { $0.rule == rule })
        else { return }
        note(key)
        watched[key]?.slots[slot].machine.told(at: instant)
        planStep(of: key)
    }

    /// Somebody knows of the alert. It stays so whatever becomes of a batch that is open.
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

    /// Whether what happens can be taken back.
    package var isOpen: Bool { undo != nil }

    /// What happens from now on can be taken back. Within an open batch it changes nothing.
    package mutating func begin() {
        if undo == nil { undo = Undo(now: now, listeningSince: listeningSince) }
    }

    /// What happened since ``begin()`` stays.
    package mutating func commit() {
        undo = nil
        if hasTakenOrphans { orphans = [] }
        hasTakenOrphans = false
    }

    /// What happened since ``begin()`` did not happen.
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

    // MARK: Parts

    /// Looks at the next tick whether the series was silent for too long, if a rule asks for that, and what time has
    /// brought to its alerts.
    private mutating func lookSoon(at key: SeriesKey) {
        if nextLook(at: key) != nil { silences.schedule(key, at: now) }
        steps.schedule(key, at: watched[key]?.isActive == true ? now : nil)
    }

    /// Looks at the alerts of the series when time may next bring something to them.
    private mutating func planStep(of key: SeriesKey) {
        let next = watched[key]?.slots.compactMap { slot in
            slot.machine.nextStep(rules[slot.rule], listeningSince: listeningSince, at: now)
        }.min()
        steps.schedule(key, at: next)
    }

    /// Looks when the series, from what is known now, may have been silent for too long.
    private mutating func lookAgain(at key: SeriesKey) {
        if let instant = nextLook(at: key) { silences.schedule(key, at: instant) }
    }

    /// Nothing that is heard later makes it earlier. `nil` when no rule asks for silence.
    private func nextLook(at key: SeriesKey) -> Timestamp? {
        watched[key]?.slots.compactMap { slot in
            guard case .noData(let duration) = rules[slot.rule].condition else { return nil }
            return slot.machine.silenceBegan(listeningSince: listeningSince, at: now).advanced(by: duration)
        }.min()
    }

    /// One step of a machine, and what comes of it. A step that changes nothing leaves no trace.
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

    // MARK: Room

    /// Begins to watch a series that is not watched yet; false when there is no room for it.
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

    /// Forgets a sixteenth at once, so that a flood of new names costs little per name.
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
