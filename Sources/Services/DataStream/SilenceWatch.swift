import Core
import Telemetry

/// A watch over devices that finds those that were silent for too long.
///
/// Each watched device has a slot, which is an index into the arrays. ``overdue(at:isListening:)`` scans only the array
/// of deadlines, which takes microseconds for thousands of devices.
struct SilenceWatch {
    /// The device that a slot belongs to.
    struct Owner: Hashable {
        let room: String
        let device: DeviceID
    }

    /// The longest plausible pause between two calls of ``overdue(at:isListening:)``, which come about once a second.
    /// After a longer pause, or a clock change, elapsed time says nothing about the devices.
    static let maximumPause = Duration.seconds(10)

    /// The allowed silence in nanoseconds for devices that do not report at longer intervals; `nil` if no device ever
    /// times out.
    let base: Int64?

    /// The deadlines by slot, in nanoseconds since the epoch; `never` for devices that are not being waited for.
    private var deadlines: [Int64] = []
    private var allowances: [Int64] = []
    private var owners: [Owner?] = []
    private var free: [Int] = []
    private var lastSweep: Timestamp?
    private static let never = Int64.max

    init(base: Duration?) {
        // Deadlines are checked about once a second, so a shorter time cannot be honored.
        self.base = base.map { base in
            Timestamp(nanosecondsSinceEpoch: 0).advanced(by: max(base, .seconds(1))).nanosecondsSinceEpoch
        }
    }

    /// Returns a slot for a device. The device is not waited for until ``restart(_:from:allowance:)`` is called.
    mutating func add(_ owner: Owner) -> Int {
        if let slot = free.popLast() {
            owners[slot] = owner
            return slot
        }
        deadlines.append(Self.never)
        allowances.append(0)
        owners.append(owner)
        return owners.count - 1
    }

    func owner(of slot: Int) -> Owner? { owners[slot] }

    /// Frees a slot.
    mutating func remove(_ slot: Int) {
        stop(slot)
        owners[slot] = nil
        free.append(slot)
    }

    /// Restarts the device's deadline: `allowance` nanoseconds after `instant`.
    mutating func restart(_ slot: Int, from instant: Timestamp, allowance: Int64) {
        allowances[slot] = allowance
        deadlines[slot] = Self.sum(instant, allowance)
    }

    /// Stops waiting for the device until the next ``restart(_:from:allowance:)``.
    mutating func stop(_ slot: Int) {
        deadlines[slot] = Self.never
    }

    /// Returns the devices whose deadline has passed, unordered, and stops waiting for them.
    ///
    /// - Parameter isListening: False while no messages from devices can arrive; no device times out then. Afterwards
    ///   the allowed silence of every device begins anew.
    mutating func overdue(at now: Timestamp, isListening: Bool) -> [Owner] {
        let pause = lastSweep.map { now.since($0) } ?? .zero
        lastSweep = now
        guard isListening, (.zero...Self.maximumPause).contains(pause) else {
            restartAll(at: now)
            return []
        }
        let now = now.nanosecondsSinceEpoch
        var overdue: [Owner] = []
        for slot in deadlines.indices where deadlines[slot] < now {
            stop(slot)
            if let owner = owners[slot] { overdue.append(owner) }
        }
        return overdue
    }

    private mutating func restartAll(at now: Timestamp) {
        for slot in deadlines.indices where deadlines[slot] != Self.never {
            deadlines[slot] = Self.sum(now, allowances[slot])
        }
    }

    private static func sum(_ instant: Timestamp, _ allowance: Int64) -> Int64 {
        let (sum, overflow) = instant.nanosecondsSinceEpoch.addingReportingOverflow(allowance)
        return overflow ? never : sum
    }
}

/// An estimate of a device's reporting interval, from its last intervals between readings of the same metrics.
///
/// Intervals are measured per metric set: a device that sends four metrics in four messages every ten minutes has an
/// interval of ten minutes. The median is used, so that a few gaps do not distort it.
struct IntervalEstimate: Sendable {
    /// The number of intervals to keep.
    static let capacity = 9
    /// The least number of intervals for an estimate.
    private static let minimumCount = 2
    /// A device counts as silent after this many of its usual intervals.
    private static let factor: Int64 = 3

    private var intervals: [Int64] = []
    private var oldest = 0

    /// Records an interval in nanoseconds. Ignores intervals that are not positive: messages of one batch have the same
    /// receive time and say nothing about the device's interval.
    mutating func record(_ interval: Int64) {
        guard interval > 0 else { return }
        guard intervals.count == Self.capacity else {
            intervals.append(interval)
            return
        }
        intervals[oldest] = interval
        oldest = (oldest + 1) % Self.capacity
    }

    /// The median interval in nanoseconds; `nil` while too few are known.
    var usual: Int64? {
        intervals.count >= Self.minimumCount ? intervals.sorted()[(intervals.count - 1) / 2] : nil
    }

    /// Returns the allowed silence in nanoseconds: three median intervals, but at least `base`.
    func allowance(atLeast base: Int64) -> Int64 {
        // This runs for every reading, and most devices report often: count first, and sort only for the few that do
        // not.
        let longCount = intervals.count { $0 > base / Self.factor }
        guard longCount * 2 > intervals.count, let median = usual else { return base }
        let (product, overflow) = median.multipliedReportingOverflow(by: Self.factor)
        return overflow ? .max : max(base, product)
    }
}
