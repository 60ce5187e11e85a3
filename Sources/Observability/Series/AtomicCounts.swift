import Synchronization

/// A fixed number of counts that many threads increase without a lock: the buckets of one histogram.
///
/// `@unchecked Sendable`: the pointer never changes after `init`, every element is initialised there and
/// deinitialised in `deinit` only, and between the two each is touched through atomic operations alone.
final class AtomicCounts: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let size: Int

    /// Counts of zero; `size` of them.
    init(size: Int) {
        self.size = size
        counts = .allocate(capacity: size)
        for index in 0..<size {
            (counts + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        counts.deinitialize(count: size)
        counts.deallocate()
    }

    func increment(_ index: Int) {
        precondition((0..<size).contains(index), "a histogram has \(size) buckets, not one at \(index)")
        counts[index].wrappingAdd(1, ordering: .relaxed)
    }

    /// Every count, read one after another: increments that happen meanwhile may be in or out.
    func load() -> [UInt64] {
        (0..<size).map { counts[$0].load(ordering: .relaxed) }
    }
}
