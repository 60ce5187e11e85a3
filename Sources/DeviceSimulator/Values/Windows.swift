/// Windows of time that come again and again, each at a random place of its turn.
///
///     turn 0          turn 1          turn 2
///     ├────[███]──────┼─[███]─────────┼──────────[███]┤
///
/// The n-th window is known without those before it, so that two schedules of equal spans and seed are equal.
package struct Windows: Sendable, Hashable {
    /// The length of a turn; longer than ``width``.
    package let every: Duration
    /// The length of a window.
    package let width: Duration
    private var seed: UInt64 = 0

    package init(every: Duration, width: Duration) {
        self.every = every
        self.width = width
    }

    /// The windows of a device with that seed.
    func seeded(_ seed: UInt64) -> Windows {
        var windows = self
        // The spans are part of it, for otherwise all schedules of a device would lean the same way.
        windows.seed = SeededGenerator.derive(seed, "\(every) \(width)")
        return windows
    }

    /// The turn that `elapsed` falls in.
    func number(at elapsed: Duration) -> Int64 {
        Int64((elapsed.seconds / every.seconds).rounded(.down))
    }

    /// The window of that turn.
    func window(_ number: Int64) -> Range<Duration> {
        let room = (every - width).seconds * SeededGenerator.unit(seed: seed, number: number)
        let start = Duration.seconds(rounding: every.seconds * Double(number) + room)
        return start..<start + width
    }
}
