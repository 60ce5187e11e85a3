/// Random numbers that a seed decides: the same seed gives the same numbers on every machine.
///
/// SplitMix64 (Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014): one addition and a
/// mixing of bits for each number. Good for sensors, not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// A generator of its own for the thing of that name, so that adding a metric changes no other metric's values.
    package init(seed: UInt64, for name: String) {
        self.init(seed: Self.derive(seed, name))
    }

    package mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// Uniform, at least 0 and below 1.
    package mutating func nextUnit() -> Double {
        Self.unit(next())
    }

    /// Uniform, at least `-magnitude` and below `magnitude`.
    mutating func nextSigned(_ magnitude: Double) -> Double {
        (nextUnit() * 2 - 1) * magnitude
    }

    /// Of the normal distribution with mean 0 and deviation 1, cut at ±5; by the sum of twelve uniform numbers, whose
    /// form is close enough for noise and needs no library.
    mutating func nextNormal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += nextUnit() }
        return min(max(sum, -5), 5)
    }

    /// The seed of the thing of that name under `seed`.
    static func derive(_ seed: UInt64, _ name: String) -> UInt64 {
        // FNV-1a over the name, then mixed, for similar names differ in few bits.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mix(mix(seed &+ increment) ^ hash)
    }

    /// Uniform, at least 0 and below 1, and always the same for the same seed and number: for schedules, whose n-th
    /// entry must be known without those before it.
    static func unit(seed: UInt64, number: Int64) -> Double {
        unit(mix(seed &+ increment &* UInt64(bitPattern: number &+ 1)))
    }

    private static func unit(_ bits: UInt64) -> Double {
        Double(bits >> 11) * 0x1p-53
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var bits = value
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
