package import Telemetry

/// All rules over all devices.
///
/// A value: whoever holds it decides what happens at the same time. What a batch did can be taken back, so that an alert
/// is never further than what was stored of it.
package struct AlertEvaluator: Sendable {
    private struct DeviceKey: Hashable {
        var room: String
        var device: DeviceID
    }

    /// One rule's machine for one device.
    private struct Slot {
        var rule: Int
        var machine: AlertStateMachine
    }

    private struct Watched {
        /// Of the rules that look at the device; often empty.
        var slots: [Slot]
        var heardAt: Timestamp
    }

    package let rules: [AlertRule]
    private let capacity: Int
    private let ids: any IDGenerator
    private var devices: [DeviceKey: Watched] = [:]
    /// What devices were before the batch that is open; `nil` for those that were not there.
    private var undo: [DeviceKey: Watched?]?
    /// Alerts that are going on, by their id.
    private var active: [String: (key: DeviceKey, rule: Int)] = [:]
    private var orphans: [Alert] = []
    private var hasTakenOrphans = false
    private var listeningSince: Timestamp?

    /// - Parameters:
    ///   - capacity: Devices that are watched; beyond it those without alerts that were silent longest are forgotten,
    ///     and when all have alerts further ones are not watched.
    ///   - restored: Alerts that were going on before a restart. They go on as they are: nobody is told again.
    package init(
        rules: [AlertRule], capacity: Int, ids: any IDGenerator = RandomIDGenerator(), restoring restored: [Alert] = [],
        at now: Timestamp
    ) {
        self.rules = rules
        self.capacity = max(1, capacity)
        self.ids = ids
        let indices = Dictionary(rules.enumerated().map { ($1.name, $0) }) { first, _ in first }
        for alert in restored where alert.state != .resolved {
            guard let index = indices[alert.rule], rules[index].covers(alert.device) else {
                orphans.append(alert)
                continue
            }
            let key = DeviceKey(room: alert.room, device: alert.device)
            if devices[key] == nil { devices[key] = watched(key, at: now, isExpected: true) }
            guard let slot = devices[key]?.slots.firstIndex(where: { $0.rule == index }) else { continue }
            devices[key]?.slots[slot].machine = AlertStateMachine(rule: rules[index], at: now, restoring: alert)
            active[alert.id] = (key, index)
        }
    }

    /// Waits for a device that was heard before a restart: should it stay silent, that is told.
    package mutating func expect(_ device: DeviceID, in room: String, at now: Timestamp) {
        let key = DeviceKey(room: room, device: device)
        guard devices[key] == nil, devices.count < capacity else { return }
        devices[key] = watched(key, at: now, isExpected: true)
    }

    /// Whether there is anything to evaluate.
    package var isEmpty: Bool { rules.isEmpty && orphans.isEmpty && active.isEmpty }

    /// Alerts that are pending or firing.
    package var activeCount: Int { active.count }

    /// The alert that is going on under that id.
    package func alert(_ id: String) -> Alert? {
        guard let (key, rule) = active[id] else { return nil }
        return devices[key]?.slots.first { $0.rule == rule }?.machine.alert
    }

    // MARK: Events

    /// Takes a reading, by the time at which it was received. Those that the broker had retained say nothing of now.
    package mutating func receive(_ reading: Reading) -> [AlertTransition] {
        guard !rules.isEmpty, !reading.isRetained else { return [] }
        let key = DeviceKey(room: reading.room, device: reading.device)
        if devices[key] == nil {
            if devices.count >= capacity { evict() }
            guard devices.count < capacity else { return [] }
            note(key)
            devices[key] = watched(key, at: reading.receivedAt)
        }
        guard let slots = devices[key]?.slots, !slots.isEmpty else { return [] }
        note(key)
        devices[key]?.heardAt = reading.receivedAt
        var transitions: [AlertTransition] = []
        for index in slots.indices {
            let rule = rules[slots[index].rule]
            guard let metric = reading.metrics.first(where: { $0.name == rule.metric }) else { continue }
            step(key, index, &transitions) { machine, makeAlert in
                machine.receive(metric, at: reading.receivedAt, rule: rule, makeAlert: makeAlert)
            }
        }
        return transitions
    }

    /// Looks at what time alone has brought; to be called about once a second.
    ///
    /// - Parameter isListening: Whether devices can be heard at all. Once they can again, everybody has the whole time
    ///   again before silence counts.
    package mutating func advance(to now: Timestamp, isListening: Bool) -> [AlertTransition] {
        listeningSince = isListening ? listeningSince ?? now : nil
        var transitions: [AlertTransition] = []
        let listeningSince = listeningSince
        for (key, watched) in devices {
            for (index, slot) in watched.slots.enumerated() {
                let rule = rules[slot.rule]
                if !slot.machine.isActive {
                    guard case .noData = rule.condition else { continue }
                }
                var machine = slot.machine
                let kind = machine.advance(to: now, rule: rule, listeningSince: listeningSince) {
                    Self.alert(rule, key, id: "", at: now)
                }
                // Most of the time nothing happens, and nothing needs to be noted for taking it back.
                guard kind != nil || machine != slot.machine else { continue }
                step(key, index, &transitions) { machine, makeAlert in
                    machine.advance(to: now, rule: rule, listeningSince: listeningSince, makeAlert: makeAlert)
                }
            }
        }
        return transitions.sorted { $0.alert.pendingAt < $1.alert.pendingAt }
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

    /// Somebody knows of the alert; returns it as it is then, or `nil` when it is not going on.
    package mutating func acknowledge(_ id: String, at now: Timestamp) -> Alert? {
        guard let (key, rule) = active[id], let slot = devices[key]?.slots.firstIndex(where: { $0.rule == rule })
        else { return nil }
        note(key)
        devices[key]?.slots[slot].machine.acknowledge(at: now)
        return devices[key]?.slots[slot].machine.alert
    }

    // MARK: Batches

    /// What happens from now on can be taken back. Within an open batch it changes nothing.
    package mutating func begin() {
        if undo == nil { undo = [:] }
    }

    /// What happened since ``begin()`` stays.
    package mutating func commit() {
        undo = nil
        if hasTakenOrphans { orphans = [] }
        hasTakenOrphans = false
    }

    /// What happened since ``begin()`` did not happen.
    package mutating func rollback() {
        for (key, earlier) in undo ?? [:] {
            forgetActive(key)
            devices[key] = earlier
            rememberActive(key)
        }
        undo = nil
        hasTakenOrphans = false
    }

    // MARK: Parts

    private mutating func step(
        _ key: DeviceKey, _ index: Int, _ transitions: inout [AlertTransition],
        _ body: (inout AlertStateMachine, () -> Alert) -> AlertTransition.Kind?
    ) {
        guard var slot = devices[key]?.slots[index] else { return }
        note(key)
        let rule = rules[slot.rule]
        let kind = body(&slot.machine) {
            Self.alert(rule, key, id: ids.next(), at: Timestamp(nanosecondsSinceEpoch: 0))
        }
        devices[key]?.slots[index] = slot
        guard let kind, let alert = slot.machine.alert else { return }
        switch kind {
        case .pending, .firing, .repeated: active[alert.id] = (key, slot.rule)
        case .resolved, .cancelled: active[alert.id] = nil
        }
        transitions.append(AlertTransition(kind: kind, alert: alert, ruleIndex: slot.rule))
    }

    private static func alert(_ rule: AlertRule, _ key: DeviceKey, id: String, at now: Timestamp) -> Alert {
        Alert(
            id: id, rule: rule.name, device: key.device, room: key.room, metric: rule.metric, state: .pending,
            pendingAt: now)
    }

    private func watched(_ key: DeviceKey, at now: Timestamp, isExpected: Bool = false) -> Watched {
        let slots = rules.indices.filter { rules[$0].covers(key.device) }.map {
            Slot(rule: $0, machine: AlertStateMachine(rule: rules[$0], at: now, isExpected: isExpected))
        }
        return Watched(slots: slots, heardAt: now)
    }

    private mutating func note(_ key: DeviceKey) {
        guard undo != nil, undo?[key] == nil else { return }
        undo?[key] = .some(devices[key])
    }

    private mutating func forgetActive(_ key: DeviceKey) {
        for slot in devices[key]?.slots ?? [] where slot.machine.isActive {
            if let id = slot.machine.alert?.id { active[id] = nil }
        }
    }

    private mutating func rememberActive(_ key: DeviceKey) {
        for slot in devices[key]?.slots ?? [] where slot.machine.isActive {
            if let id = slot.machine.alert?.id { active[id] = (key, slot.rule) }
        }
    }

    /// Forgets a sixteenth at once, so that a flood of new names costs little per name.
    private mutating func evict() {
        let idle = devices.filter { entry in !entry.value.slots.contains(where: \.machine.isActive) }
            .sorted { $0.value.heardAt < $1.value.heardAt }
        for (key, _) in idle.prefix(max(1, capacity / 16)) {
            note(key)
            devices[key] = nil
        }
    }
}
