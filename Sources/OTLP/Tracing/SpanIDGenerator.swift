import Synchronization

/// Makes the numbers that name traces and spans. Handed in through `init`, so that tests can count.
package protocol SpanIDGenerator: Sendable {
    /// 16 bytes, not all zero.
    func nextTraceID() -> (high: UInt64, low: UInt64)
    /// 8 bytes, not zero.
    func nextSpanID() -> UInt64
}

/// Random numbers that do not repeat within 2^64 draws: a Weyl sequence from a random start, mixed (SplitMix64).
///
/// They must be unique, not unguessable, so that a draw costs nanoseconds and no system call. Thread-safe.
package final class RandomSpanIDGenerator: SpanIDGenerator {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private let state: Atomic<UInt64>
    /// The upper half of trace ids differs between processes even where two started from the same number.
    private let process: UInt64

    package init() {
        var system = SystemRandomNumberGenerator()
        state = Atomic(system.next())
        process = system.next()
    }

    package func nextTraceID() -> (high: UInt64, low: UInt64) { (next() ^ process, nextSpanID()) }

    package func nextSpanID() -> UInt64 {
        while true {
            let id = next()
            if id != 0 { return id }
        }
    }

    private func next() -> UInt64 {
        var mixed = state.wrappingAdd(Self.increment, ordering: .relaxed).newValue
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
