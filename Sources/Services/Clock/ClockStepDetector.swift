package import Core

/// A detector of changes of the wall clock. It compares the wall clock with a monotonic clock.
///
/// A machine without a battery-backed clock boots with a wrong date, and a suspended one wakes up hours later. Neither
/// must count as a device's silence.
package struct ClockStepDetector: Sendable {
    /// The difference between the two clocks that is tolerated as drift between two calls.
    private static let tolerance = Duration.seconds(2)

    /// The time this machine has been running, excluding time suspended.
    package static let systemUptime: @Sendable () -> Duration = {
        let clock = SuspendingClock()
        return clock.systemEpoch.duration(to: clock.now)
    }

    private var last: (wall: Timestamp, uptime: Duration)?

    package init() {}

    /// Returns how far the wall clock was stepped since the last call; `nil` when it was not.
    package mutating func step(at wall: Timestamp, uptime: Duration) -> Duration? {
        defer { last = (wall, uptime) }
        guard let last else { return nil }
        let step = wall.since(last.wall) - (uptime - last.uptime)
        return step > Self.tolerance || step < .zero - Self.tolerance ? step : nil
    }
}
