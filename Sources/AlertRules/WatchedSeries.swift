import Core
import Telemetry

/// The state of a series whose metric is named by at least one rule.
struct WatchedSeries: Sendable {
    /// A rule and its state machine for this series.
    struct Slot: Sendable {
        /// The rule's index in the evaluator's rules.
        var rule: Int
        var machine: AlertStateMachine
    }

    /// One slot per rule that watches the device; empty if no rule does.
    private(set) var slots: [Slot]
    /// When the series last received a value, or when watching it began.
    private(set) var heardAt: Timestamp

    init(slots: [Slot], heardAt: Timestamp) {
        self.slots = slots
        self.heardAt = heardAt
    }

    /// The capacity that the series takes in the evaluator: one per rule, and one for a series without rules.
    var weight: Int { max(1, slots.count) }
    var isActive: Bool { slots.contains(where: \.machine.isActive) }

    /// Returns the latest alert of the rule with this index.
    func alert(of rule: Int) -> Alert? {
        slots.first { $0.rule == rule }?.machine.alert
    }

    // MARK: Evaluation

    /// Evaluates a value by each rule, and appends the transitions.
    ///
    /// - Parameters:
    ///   - measuredAt: When the value was measured, according to the device.
    ///   - cause: The trace context of the reading.
    mutating func receive(
        _ metric: Metric, measuredAt: Timestamp, cause: TraceContext?, in context: EvaluationContext,
        into transitions: inout [AlertTransition]
    ) {
        heardAt = context.now
        for index in slots.indices {
            let rule = context.rules[slots[index].rule]
            // The previous value counted until now, so the effects of elapsed time come first.
            if slots[index].machine.isActive,
                !slots[index].machine.staysPending(
                    with: metric.value, measuredAt: measuredAt, at: context.now, rule: rule)
            {
                let kind = slots[index].machine.advance(
                    to: context.now, rule: rule, listeningSince: context.listeningSince
                ) { context.newAlert(of: rule) }
                append(kind, at: index, to: &transitions)
            }
            let kind = slots[index].machine.receive(
                metric, measuredAt: measuredAt, at: context.now, cause: cause, rule: rule
            ) { context.newAlert(of: rule) }
            append(kind, at: index, to: &transitions)
        }
    }

    /// Evaluates the effects of elapsed time, and appends the transitions. Returns true if anything has changed.
    mutating func advance(in context: EvaluationContext, into transitions: inout [AlertTransition]) -> Bool {
        var hasChanged = false
        for index in slots.indices {
            let rule = context.rules[slots[index].rule]
            var machine = slots[index].machine
            guard machine.isDue(at: context.now, rule.condition, listeningSince: context.listeningSince) else {
                continue
            }
            let kind = machine.advance(to: context.now, rule: rule, listeningSince: context.listeningSince) {
                context.newAlert(of: rule)
            }
            // Most series are examined without effect. Writing to `slots` would copy the array for nothing.
            guard kind != nil || machine != slots[index].machine else { continue }
            slots[index].machine = machine
            hasChanged = true
            append(kind, at: index, to: &transitions)
        }
        return hasChanged
    }

    private func append(_ kind: AlertTransition.Kind?, at index: Int, to transitions: inout [AlertTransition]) {
        guard let kind, let alert = slots[index].machine.alert else { return }
        transitions.append(AlertTransition(kind: kind, alert: alert, ruleIndex: slots[index].rule))
    }

    /// Changes the state machine of the rule with this index.
    mutating func update(rule: Int, _ body: (inout AlertStateMachine) -> Void) {
        guard let index = slots.firstIndex(where: { $0.rule == rule }) else { return }
        body(&slots[index].machine)
    }

    /// Adjusts all times by `step` after the clock was set.
    mutating func shift(by step: Duration, in context: EvaluationContext) {
        heardAt = heardAt.advanced(by: step)
        for index in slots.indices {
            slots[index].machine.shift(by: step, rule: context.rules[slots[index].rule], at: context.now)
        }
    }

    /// Continues from the data stored before a restart.
    mutating func recall(_ memory: StoredSeriesState, in context: EvaluationContext) {
        for index in slots.indices {
            let rule = context.rules[slots[index].rule]
            if let latest = memory.latest {
                slots[index].machine.expect(lastAt: latest.time, rule: rule, at: context.now)
            }
            slots[index].machine.recall(memory.windows[rule.name], latest: memory.latest?.value, rule: rule)
        }
        if let latest = memory.latest { heardAt = min(latest.time, context.now) }
    }

    // MARK: Deadlines

    /// Returns the earliest time at which the series may be silent for too long; `nil` without `no_data` rules. Later
    /// values never make it earlier.
    func silenceDeadline(in context: EvaluationContext) -> Timestamp? {
        slots.compactMap { slot in
            guard case .noData(let duration) = context.rules[slot.rule].condition else { return nil }
            return slot.machine.silenceBegan(listeningSince: context.listeningSince, at: context.now)
                .advanced(by: duration)
        }.min()
    }

    /// Returns the earliest time at which elapsed time can affect the active alerts; `nil` for never.
    func alertDeadline(in context: EvaluationContext) -> Timestamp? {
        slots.compactMap { slot in
            slot.machine.nextDeadline(
                context.rules[slot.rule], listeningSince: context.listeningSince, at: context.now)
        }.min()
    }
}

/// The values with which the rules of one series are evaluated.
struct EvaluationContext {
    let key: SeriesKey
    let rules: [AlertRule]
    let ids: any IDGenerator
    let now: Timestamp
    /// When messages from devices began to arrive; `nil` while none can.
    let listeningSince: Timestamp?

    /// Returns a pending alert of the series.
    func newAlert(of rule: AlertRule) -> Alert {
        Alert(
            id: ids.next(), rule: rule.name, device: key.device, room: key.room, metric: rule.metric, state: .pending,
            pendingAt: now)
    }
}
