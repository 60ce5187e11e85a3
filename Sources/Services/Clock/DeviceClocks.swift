package import Telemetry

/// How far the clocks of devices are off that do not ask: from when their messages come, at the earliest.
///
/// A message is never here before it was sent. So the smallest difference between a reading's receive time and its own
/// is the clock's offset plus the shortest way there is; the way itself counts as nothing, which is why it is an
/// estimate. The minimum is that of the last one to two minutes, so that a clock that is set is learnt anew. Times of
/// whole seconds say too little about milliseconds and are left out.
///
/// A value that its owner keeps on one thread. Bounded: the devices silent for longest are forgotten.
package struct DeviceClocks {
    /// Half of the time that the minimum looks back.
    private static let window = Duration.seconds(60)
    /// Clocks that are further off were never set, and may be set any moment.
    private static let maxOffsetNanoseconds: Int64 = 400 * 86_400 * 1_000_000_000

    private struct Minimum {
        /// Nanoseconds from the device's time to the gateway's, the least of the window that runs…
        var current: Int64
        /// …and of the one before it.
        var previous: Int64
        var windowStart: Timestamp
    }

    private let capacity: Int
    private var minima: [DeviceID: Minimum] = [:]

    /// - Parameter capacity: devices that are remembered.
    package init(capacity: Int = 10_000) {
        self.capacity = max(1, capacity)
    }

    /// When the reading was sent, by the gateway's clock; `nil` when it does not say. Learns from it.
    package mutating func sendTime(of reading: Reading) -> Timestamp? {
        guard let deviceTime = reading.implausibleDeviceTime ?? (reading.hasDeviceTime ? reading.time : nil),
            !reading.isRetained, deviceTime.nanosecondsSinceEpoch % 1_000_000_000 != 0
        else { return nil }
        let (difference, overflow) = reading.receivedAt.nanosecondsSinceEpoch.subtractingReportingOverflow(
            deviceTime.nanosecondsSinceEpoch)
        guard !overflow, difference.magnitude <= UInt64(Self.maxOffsetNanoseconds) else { return nil }
        let offset = learn(difference, of: reading.device, at: reading.receivedAt)
        return Timestamp(nanosecondsSinceEpoch: deviceTime.nanosecondsSinceEpoch + offset)
    }

    /// How far a device's clock is off, as far as its readings tell.
    package func estimate(of device: DeviceID) -> ClockEstimate? {
        minima[device].map {
            ClockEstimate(
                offset: .nanoseconds(min($0.current, $0.previous)), uncertainty: .zero, isEstimated: true)
        }
    }

    private mutating func learn(_ difference: Int64, of device: DeviceID, at now: Timestamp) -> Int64 {
        guard var minimum = minima[device] else {
            if minima.count >= capacity { forgetSilent() }
            minima[device] = Minimum(current: difference, previous: difference, windowStart: now)
            return difference
        }
        if now.since(minimum.windowStart) > Self.window {
            minimum.previous = now.since(minimum.windowStart) > Self.window * 2 ? difference : minimum.current
            minimum.current = difference
            minimum.windowStart = now
        } else {
            minimum.current = min(minimum.current, difference)
        }
        minima[device] = minimum
        return min(minimum.current, minimum.previous)
    }

    /// A tenth at once, so that the search is rare.
    private mutating func forgetSilent() {
        let oldest = minima.sorted { $0.value.windowStart < $1.value.windowStart }.prefix(max(1, capacity / 10))
        for (device, _) in oldest { minima[device] = nil }
    }
}
