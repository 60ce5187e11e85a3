package import Telemetry

/// Finds out when the wall clock was set, by comparing it with the time that has passed since the last look.
///
/// A machine without a battery for its clock starts in another year; one that was suspended wakes up hours later. Neither
/// is a device's silence.
package struct ClockSteps: Sendable {
    /// What the two may differ between two looks without anybody having set a clock.
    private static let tolerance = Duration.seconds(2)

    /// Time that this machine has run, without what it was suspended.
    package static let systemUptime: @Sendable () -> Duration = {
        let clock = SuspendingClock()
        return clock.systemEpoch.duration(to: clock.now)
    }

    private var last: (wall: Timestamp, uptime: Duration)?

    package init() {}

    /// By how much the clock was set since the last look; `nil` when it was not.
    package mutating func step(at wall: Timestamp, uptime: Duration) -> Duration? {
        defer { last = (wall, uptime) }
        guard let last else { return nil }
        let step = wall.since(last.wall) - (uptime - last.uptime)
        return step > Self.tolerance || step < .zero - Self.tolerance ? step : nil
    }
}
