/// The schedule of a device's samples: by interval and jitter, or by its replay.
struct SampleSchedule: Sendable {
    private var replay: Replay?
    private let interval: Duration
    private let jitter: Duration
    /// The device's offset within the interval, so that the devices of a fleet do not all publish at once.
    private let phase: Duration
    private var random: SeededGenerator
    private var number = 0
    private var nextByInterval: Duration

    init(profile: DeviceProfile, deviceSeed: UInt64) {
        replay = profile.replay
        interval = profile.interval
        jitter = profile.jitter
        random = SeededGenerator(seed: deviceSeed, for: "pace")
        let isFleet = profile.deviceNames.count > 1
        phase = isFleet ? .seconds(rounding: profile.interval.seconds * random.nextUnit()) : .zero
        nextByInterval = phase
    }

    /// The due time of the next sample; `nil` after the end of a replay.
    var next: Duration? {
        guard let replay else { return nextByInterval }
        return replay.next?.due
    }

    /// The row that the next sample replays; `nil` without a replay.
    var row: Int? { replay?.next?.row }

    /// The time since the device's start at which the next sample evaluates its waveforms.
    var elapsed: Duration {
        guard let replay else { return nextByInterval }
        return replay.next.map(replay.elapsed) ?? .zero
    }

    /// Computes the due time of the next sample, after the current one was taken.
    mutating func advance() {
        guard replay == nil else {
            replay?.advance()
            return
        }
        number += 1
        // Computed from the count rather than the previous sample, so that jitter does not accumulate.
        let exact = phase + interval * number
        let shift = jitter == .zero ? .zero : Duration.seconds(rounding: random.nextSigned(jitter.seconds))
        nextByInterval = max(exact + shift, nextByInterval)
    }
}

/// The schedule of a device's connection losses and reconnections.
struct ConnectionSchedule: Sendable {
    private let windows: RecurringWindows?
    private var number: Int64 = 0
    private(set) var isOffline = false

    /// Creates the schedule of the device with this seed. Without `offline`, and for devices outside of its share, the
    /// device is never offline.
    init(_ offline: DeviceProfile.OfflineWindows?, deviceSeed: UInt64) {
        guard let offline else {
            windows = nil
            return
        }
        var random = SeededGenerator(seed: deviceSeed, for: "offline")
        windows = random.nextUnit() < offline.share ? offline.windows.seeded(deviceSeed) : nil
    }

    /// The time of the next connection change, since the device's start; `nil` if the device is never offline.
    var next: Duration? {
        guard let window = windows?.window(number) else { return nil }
        return isOffline ? window.upperBound : window.lowerBound
    }

    /// Performs the next connection change.
    mutating func advance() -> VirtualDevice.ConnectionChange {
        if isOffline { number += 1 }
        isOffline.toggle()
        return isOffline ? .lost : .restored
    }
}

/// Recurring time windows, one per period, each at a random position within its period.
///
///     period 0        period 1        period 2
///     ├────[███]──────┼─[███]─────────┼──────────[███]┤
///
/// Each window can be computed without the ones before it. Two schedules with equal durations and seeds are equal.
package struct RecurringWindows: Sendable, Hashable {
    /// The length of a period; longer than ``width``.
    package let every: Duration
    /// The length of a window.
    package let width: Duration
    private var seed: UInt64 = 0

    package init(every: Duration, width: Duration) {
        self.every = every
        self.width = width
    }

    /// Returns these windows, positioned for a device with this seed.
    func seeded(_ seed: UInt64) -> RecurringWindows {
        var windows = self
        // The durations are part of the seed. Otherwise all schedules of a device would have similar positions.
        windows.seed = SeededGenerator.derive(seed, "\(every) \(width)")
        return windows
    }

    /// Returns the number of the period that contains `elapsed`.
    func number(at elapsed: Duration) -> Int64 {
        Int64((elapsed.seconds / every.seconds).rounded(.down))
    }

    /// Returns the window of the period with this number, counted from 0.
    func window(_ number: Int64) -> Range<Duration> {
        let room = (every - width).seconds * SeededGenerator.unit(seed: seed, number: number)
        let start = Duration.seconds(rounding: every.seconds * Double(number) + room)
        return start..<start + width
    }
}

extension Duration {
    /// The duration in seconds, with a fraction.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// Returns a duration rounded to microseconds. Schedules need no finer resolution, and sums stay exact.
    static func seconds(rounding seconds: Double) -> Duration {
        .microseconds(Int64((seconds * 1e6).rounded()))
    }
}
