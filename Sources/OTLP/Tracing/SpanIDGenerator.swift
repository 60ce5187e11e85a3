import Synchronization

/// A generator of trace and span ids. It is passed in through `init`, so that tests can use predictable ids.
package protocol SpanIDGenerator: Sendable {
    /// Returns a 16-byte trace id that is not all zero.
    func nextTraceID() -> (high: UInt64, low: UInt64)
    /// Returns an 8-byte span id that is not zero.
    func nextSpanID() -> UInt64
}

/// A generator of random numbers as ids. It uses SplitMix64, a mixed Weyl sequence from a random start, which repeats
/// no number within 2^64.
///
/// Ids must be unique but may be predictable. SplitMix64 is therefore sufficient, and takes only nanoseconds and no
/// system call. Thread-safe.
package final class RandomSpanIDGenerator: SpanIDGenerator {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private let state: Atomic<UInt64>
    /// A random value mixed into the upper half of trace ids. It keeps the ids of two processes apart even if both
    /// sequences start at the same number.
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
