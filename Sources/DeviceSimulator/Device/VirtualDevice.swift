package import MQTTTransport
package import Telemetry

/// A device that behaves like a real one: what it publishes, and when it loses its connection.
///
/// A pure state machine. Ask ``due``, wait until then, call ``advance(now:)`` and do what it says; the same profile and
/// name give the same steps, whoever waits how long.
///
///     samples ─┐
///     bursts ──┼─▶ due ─▶ advance(now:) ─▶ Step: messages, or the connection lost or found again
///     offline ─┘
package struct VirtualDevice: Sendable {
    package enum ConnectionChange: Sendable, Hashable {
        /// The connection breaks without a word, so that the broker publishes the last will.
        case lost
        /// The device connects again.
        case restored
    }

    /// What happens at one instant.
    package struct Step: Sendable {
        package var connection: ConnectionChange?
        /// To be published in this order.
        package var publications: [MQTTPublication] = []
        /// How many samples the publications come from.
        package var readings = 0
        /// Messages that were made and, by the drop rate, not sent.
        package var dropped = 0
        /// Messages that were not sent because the device is offline.
        package var skipped = 0
    }

    package let name: String
    /// The file that describes the device.
    package let profile: DeviceProfile

    private let encoder: any PayloadEncoder
    private let messageLimit: Int?
    /// How far the device's clock is ahead of a right one.
    let clockOffset: Duration
    private var sampler: Sampler
    private var pace: SamplePace
    private var nextBurst: Duration?
    private var connection: ConnectionSchedule
    private var drops: SeededGenerator
    private var sentCount = 0

    /// The device of that name.
    ///
    /// - Parameter messageLimit: how many messages it sends before it stops; without end when `nil`.
    package init(name: String, profile: DeviceProfile, messageLimit: Int? = nil) {
        self.name = name
        self.profile = profile
        self.messageLimit = messageLimit
        let seed = SeededGenerator.derive(profile.seed, name)
        encoder = profile.format.encoder(isPerMetric: profile.topic.namesMetric, withUnits: profile.withUnits)
        clockOffset = profile.clockSkew.offset(deviceSeed: seed)
        sampler = Sampler(profile: profile, deviceSeed: seed)
        pace = SamplePace(profile: profile, deviceSeed: seed)
        nextBurst = profile.burst?.every
        connection = ConnectionSchedule(profile.offline, deviceSeed: seed)
        drops = SeededGenerator(seed: seed, for: "drops")
    }

    /// When the next step is due, since the device's start; `nil` when it has sent all that it ever will.
    package var due: Duration? {
        if let messageLimit, sentCount >= messageLimit { return nil }
        guard let sample = pace.next else { return nil }
        return min(sample, nextBurst ?? sample, connection.next ?? sample)
    }

    /// Does the step that is due; `now` is what an exact clock says.
    package mutating func advance(now: Timestamp) -> Step {
        guard let due else { return Step() }
        if connection.next == due { return Step(connection: connection.advance()) }
        var step = Step()
        if let burst = profile.burst, nextBurst == due {
            nextBurst = due + burst.every
            for _ in 0..<burst.readings { takeSample(at: due, row: nil, now: now, into: &step) }
            return step
        }
        takeSample(at: pace.elapsed, row: pace.row, now: now, into: &step)
        pace.advance()
        return step
    }

    private mutating func takeSample(at elapsed: Duration, row: Int?, now: Timestamp, into step: inout Step) {
        if let messageLimit, sentCount >= messageLimit { return }
        let metrics = sampler.metrics(at: elapsed, row: row)
        if metrics.isEmpty { return }
        let sample = Sample(device: name, metrics: metrics, time: stamp(row: row, now: now))
        let sentBefore = sentCount
        for payload in encoder.encode(sample) {
            if let messageLimit, sentCount >= messageLimit { break }
            // Drawn for messages of offline times too, so that those after it do not depend on them.
            let isDropped = profile.dropRate > 0 && drops.nextUnit() < profile.dropRate
            if connection.isOffline {
                step.skipped += 1
            } else if isDropped {
                step.dropped += 1
            } else {
                sentCount += 1
                step.publications.append(
                    MQTTPublication(
                        topic: profile.topic.topic(device: name, metric: payload.metric), payload: payload.bytes,
                        qos: profile.qos, retain: profile.retain))
            }
        }
        if sentCount > sentBefore { step.readings += 1 }
    }

    private func stamp(row: Int?, now: Timestamp) -> Timestamp? {
        switch profile.stamps {
        case .none: nil
        case .now: now.advanced(by: clockOffset)
        case .keepTime: row.flatMap { profile.replay?.table.times[$0] }?.advanced(by: clockOffset)
        }
    }
}
