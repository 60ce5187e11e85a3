/// How far a device's clock is off. Moves the stamps of payloads, not the moments of sending.
package enum ClockSkew: Sendable, Hashable {
    case none
    /// Ahead by that much, or behind when negative.
    case fixed(Duration)
    /// That part of the fleet is off, each device by something of its own up to a limit to either side.
    case random(upTo: Duration, share: Double)

    /// The skew of the device with that seed.
    func offset(deviceSeed: UInt64) -> Duration {
        switch self {
        case .none: return .zero
        case .fixed(let offset): return offset
        case .random(let limit, let share):
            var random = SeededGenerator(seed: deviceSeed, for: "clock skew")
            guard random.nextUnit() < share else { return .zero }
            return .seconds(rounding: random.nextSigned(limit.seconds))
        }
    }
}
