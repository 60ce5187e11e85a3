package import Core
package import Telemetry

/// An estimator of the clock offsets of devices that never ask for the time. It uses the receive times of their
/// messages.
///
/// A message cannot arrive before it was sent. The smallest difference between a reading's receive time and its own
/// time is therefore the clock's offset plus the shortest network delay. That delay is assumed to be zero, so the
/// result is an estimate. The smallest difference of the last one to two minutes is used, so that the estimate follows
/// when a device's clock is set. Device times in whole seconds are too coarse and are ignored.
///
/// A value type; its owner serialises access. Bounded: when it is full, the devices that were silent longest are
/// evicted.
package struct ClockOffsetEstimator {
    /// The length of a window. The minimum covers the current and the previous window.
    private static let window = Duration.seconds(60)
    /// The largest offset that is accepted: 400 days. A clock that is further off was presumably never set, and may be
    /// set at any moment, so its times are ignored.
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

    /// Updates the estimate of the reading's device, and returns the time by the gateway's clock at which the reading
    /// was sent; `nil` if the reading has no usable device time.
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
