import Telemetry

/// A series whose metric some rule names.
struct WatchedSeries: Sendable {
    /// One rule's machine.
    struct Slot: Sendable {
        /// The rule's place.
        var rule: Int
        var machine: AlertStateMachine
    }

    /// Of the rules that look at the device; none for a device that no rule looks at.
    var slots: [Slot]
    var heardAt: Timestamp

    /// What it counts of the evaluator's capacity.
    var weight: Int { max(1, slots.count) }
    var isActive: Bool { slots.contains(where: \.machine.isActive) }
}
