/// When a device takes its samples: by interval and jitter, or as its replay has it.
struct SamplePace: Sendable {
    private var replay: Replay?
    private let interval: Duration
    private let jitter: Duration
    /// Where in its interval the device begins, so that a fleet does not speak all at once.
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

    /// When the next sample is due; `nil` after the end of a replay.
    var next: Duration? {
        guard let replay else { return nextByInterval }
        return replay.next?.due
    }

    /// The row that the next sample replays.
    var row: Int? { replay?.next?.row }

    /// The instant of the next sample for its waveforms.
    var elapsed: Duration {
        guard let replay else { return nextByInterval }
        return replay.next.map(replay.elapsed) ?? .zero
    }

    /// Goes on to the sample after the next.
    mutating func advance() {
        guard replay == nil else {
            replay?.advance()
            return
        }
        number += 1
        // From the count and not from the sample before, so that jitter never adds up.
        let exact = phase + interval * number
        let shift = jitter == .zero ? .zero : Duration.seconds(rounding: random.nextSigned(jitter.seconds))
        nextByInterval = max(exact + shift, nextByInterval)
    }
}
