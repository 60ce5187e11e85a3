package import Core
package import Telemetry

/// Estimates the clock offset of devices that never ask for the time, from the receive times of their messages.
///
/// A message cannot arrive before it was sent. The smallest difference between a reading's receive time and its own
/// time is therefore the clock's offset plus the shortest network delay. The delay is taken as zero, so the result is
/// an estimate. The minimum covers the last one to two minutes, which lets the estimate follow a clock that is set.
/// Times in whole seconds are too coarse and are ignored.
///
/// A value type; its owner uses it from one thread. Bounded: when it is full, the devices that were silent longest are
/// evicted.
package struct ClockOffsetEstimator {
    /// Half of the period that the minimum covers.
    private static let window = Duration.seconds(60)
    /// A clock that is further off was never set and may be set at any moment, so it is ignored.
    private static let maxOffsetNanoseconds: Int64 = 400 * 86_400 * 1_000_000_000

    private struct Minimum {
        /// The smallest difference in the current window: nanoseconds from the device's time to the gateway's.
        var current: Int64
        /// The smallest difference in the previous window.
        var previous: Int64
        var windowStart: Timestamp
    }

    private let capacity: Int
    private var minima: [DeviceID: Minimum] = [:]

    /// - Parameter capacity: The most devices to remember.
    package init(capacity: Int = 10_000) {
        self.capacity = max(1, capacity)
    }

    /// Returns the time at which the reading was sent, in the gateway's time, and updates the estimate; `nil` when the
    /// reading has no usable device time.
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

    /// Returns the estimated offset of the device's clock; `nil` for a device without usable readings.
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

    /// Evicts a tenth of the devices at once, so that the search for the longest silent ones is rare.
    private mutating func forgetSilent() {
        let oldest = minima.sorted { $0.value.windowStart < $1.value.windowStart }.prefix(max(1, capacity / 10))
        for (device, _) in oldest { minima[device] = nil }
    }
}
