import Core

/// A pseudorandom number generator that produces the same numbers for the same seed on every machine.
///
/// SplitMix64 (Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014): one addition and a few
/// bit-mixing steps per number. Good enough for sensors, but not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// Creates a generator whose numbers are independent of those for other names. With one generator per metric, an
    /// additional metric does not change the values of the others.
    package init(seed: UInt64, for name: String) {
        self.init(seed: Self.derive(seed, name))
    }

    package mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// Returns a uniformly distributed number, at least 0 and below 1.
    package mutating func nextUnit() -> Double {
        next().unitFraction
    }

    /// Returns a uniformly distributed number, at least `-magnitude` and below `magnitude`.
    mutating func nextSigned(_ magnitude: Double) -> Double {
        (nextUnit() * 2 - 1) * magnitude
    }

    /// Returns a normally distributed number with mean 0 and standard deviation 1, clamped to ±5. It is the sum of
    /// twelve uniform numbers, which is close enough for noise and needs no library.
    mutating func nextNormal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += nextUnit() }
        return min(max(sum, -5), 5)
    }

    /// Derives a seed for a name from `seed`.
    static func derive(_ seed: UInt64, _ name: String) -> UInt64 {
        // FNV-1a over the name, then mixed, because the hashes of similar names differ in only a few bits.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mix(mix(seed &+ increment) ^ hash)
    }

    /// Returns the uniform number at an index, at least 0 and below 1. It is meant for schedules, where the n-th entry
    /// must be computable without the ones before it.
    static func unit(seed: UInt64, number: Int64) -> Double {
        mix(seed &+ increment &* UInt64(bitPattern: number &+ 1)).unitFraction
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
