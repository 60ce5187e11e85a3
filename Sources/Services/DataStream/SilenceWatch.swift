import Telemetry

/// Finds the devices that were silent for too long.
///
/// Each watched device has a slot. What a sweep looks at is one array of deadlines, so that it costs microseconds for
/// thousands of devices; nothing else is touched until a deadline has passed.
struct SilenceWatch {
    /// Which device has a slot.
    struct Owner: Hashable {
        let room: String
        let device: DeviceID
    }

    /// Sweeps come about once a second. After a longer pause, or a clock that was set, the time that passed says
    /// nothing about the devices.
    static let maximumPause = Duration.seconds(10)

    /// How long a device may be silent, unless it is known to be quiet for longer; `nil` turns the watch off.
    let base: Int64?

    /// Nanoseconds since the epoch; `never` for who is not waited for.
    private var deadlines: [Int64] = []
    private var allowances: [Int64] = []
    private var owners: [Owner?] = []
    private var free: [Int] = []
    private var lastSweep: Timestamp?
    private static let never = Int64.max

    init(base: Duration?) {
        // A shorter time than that between two sweeps cannot be kept.
        self.base = base.map { base in
            Timestamp(nanosecondsSinceEpoch: 0).advanced(by: max(base, .seconds(1))).nanosecondsSinceEpoch
        }
    }

    /// A slot for a device, which is not waited for until it is heard.
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

    /// The owner of a slot.
    func owner(of slot: Int) -> Owner? { owners[slot] }

    /// Gives a slot back.
    mutating func remove(_ slot: Int) {
        rest(slot)
        owners[slot] = nil
        free.append(slot)
    }

    /// Waits for the device from `instant` on, for as long as it may be silent.
    mutating func listen(_ slot: Int, from instant: Timestamp, allowance: Int64) {
        allowances[slot] = allowance
        deadlines[slot] = Self.sum(instant, allowance)
    }

    /// No longer waits for the device, until the next ``listen(_:from:allowance:)``.
    mutating func rest(_ slot: Int) {
        deadlines[slot] = Self.never
    }

    /// The devices whose time is over, in no order; they rest from now on.
    ///
    /// - Parameter isListening: whether the gateway hears devices at all. While it does not, nobody's silence counts;
    ///   once it does again, everybody has the whole time again.
    mutating func overdue(at now: Timestamp, isListening: Bool) -> [Owner] {
        let pause = lastSweep.map { now.since($0) } ?? .zero
        lastSweep = now
        guard isListening, (.zero...Self.maximumPause).contains(pause) else {
            restart(at: now)
            return []
        }
        let now = now.nanosecondsSinceEpoch
        var overdue: [Owner] = []
        for slot in deadlines.indices where deadlines[slot] < now {
            rest(slot)
            if let owner = owners[slot] { overdue.append(owner) }
        }
        return overdue
    }

    private mutating func restart(at now: Timestamp) {
        for slot in deadlines.indices where deadlines[slot] != Self.never {
            deadlines[slot] = Self.sum(now, allowances[slot])
        }
    }

    private static func sum(_ instant: Timestamp, _ allowance: Int64) -> Int64 {
        let (sum, overflow) = instant.nanosecondsSinceEpoch.addingReportingOverflow(allowance)
        return overflow ? never : sum
    }
}
