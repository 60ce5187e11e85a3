package import Core
package import MQTTTransport
import Telemetry

/// A simulated device: the messages that it publishes, and the times when it loses its connection.
///
/// A pure state machine. Wait until ``due``, call ``advance(now:)`` and carry out the step that it returns. The same
/// profile and name always give the same steps, independently of the actual waiting times.
///
///     samples ─┐
///     bursts ──┼─▶ due ─▶ advance(now:) ─▶ Step: messages, or the connection lost or restored
///     offline ─┘
package struct VirtualDevice: Sendable {
    package enum ConnectionChange: Sendable, Hashable {
        /// The connection breaks without a DISCONNECT, so the broker publishes the last will.
        case lost
        /// The device connects again.
        case restored
    }

    /// The events of one instant.
    package struct Step: Sendable {
        package var connection: ConnectionChange?
        /// Messages to publish, in this order.
        package var publications: [MQTTPublication] = []
        /// The number of samples that the publications come from.
        package var readings = 0
        /// Messages that were generated but not sent because of the drop rate.
        package var dropped = 0
        /// Messages that were not sent because the device is offline.
        package var skipped = 0
    }

    package let name: String
    /// The profile from the device's file.
    package let profile: DeviceProfile

    private let encoder: any PayloadEncoder
    private let messageLimit: Int?
    /// The offset by which the device's clock is ahead of the true time.
    let clockOffset: Duration
    private var sampler: Sampler
    private var pace: SampleSchedule
    private var nextBurst: Duration?
    private var connection: ConnectionSchedule
    private var drops: SeededGenerator
    private var sentCount = 0

    /// Creates a device.
    ///
    /// - Parameter messageLimit: The number of messages after which it stops; unlimited when `nil`.
    package init(name: String, profile: DeviceProfile, messageLimit: Int? = nil) {
        self.name = name
        self.profile = profile
        self.messageLimit = messageLimit
        let seed = SeededGenerator.derive(profile.seed, name)
        encoder = profile.format.encoder(isPerMetric: profile.topic.namesMetric, withUnits: profile.withUnits)
        clockOffset = profile.clockSkew.offset(deviceSeed: seed)
        sampler = Sampler(profile: profile, deviceSeed: seed)
        pace = SampleSchedule(profile: profile, deviceSeed: seed)
        nextBurst = profile.burst?.every
        connection = ConnectionSchedule(profile.offline, deviceSeed: seed)
        drops = SeededGenerator(seed: seed, for: "drops")
    }

    /// The due time of the next step, relative to the device's start; `nil` when the device has sent all its messages.
    package var due: Duration? {
        if let messageLimit, sentCount >= messageLimit { return nil }
        guard let sample = pace.next else { return nil }
        return min(sample, nextBurst ?? sample, connection.next ?? sample)
    }

    /// Performs the step that is due. `now` is the true time, without the device's clock skew.
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
            // Draw a random number for offline messages too, so that later drops do not depend on them.
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

/// A message that a device might have sent before its start.
package struct PastMessage: Sendable {
    package var time: Timestamp
    package var publication: MQTTPublication
}

extension VirtualDevice {
    /// Returns made-up messages from before the device's start, without timestamps of their own.
    ///
    /// - Parameters:
    ///   - times: The times of the samples, ascending.
    ///   - slowness: The number of seconds in which the waveforms pass one of their own seconds. A table is replayed
    ///     once a day.
    package func past(at times: [Timestamp], slowness: Int) -> [PastMessage] {
        guard let first = times.first else { return [] }
        var sampler = sampler
        return times.flatMap { time in
            let age = time.since(first)
            let row = profile.replay.map { Int(age.seconds) % 86_400 * $0.table.rowCount / 86_400 }
            let metrics = sampler.metrics(at: age / slowness, row: row)
            if metrics.isEmpty { return [PastMessage]() }
            return encoder.encode(Sample(device: name, metrics: metrics, time: nil)).map { payload in
                PastMessage(
                    time: time,
                    publication: MQTTPublication(
                        topic: profile.topic.topic(device: name, metric: payload.metric), payload: payload.bytes,
                        qos: profile.qos))
            }
        }
    }
}

/// The sample generator of one device. It takes values from the device's waveforms and its replay table.
struct Sampler: Sendable {
    private struct Generator {
        var metric: MetricProfile
        /// The generator of this metric alone, so that other metrics do not change its values.
        var random: SeededGenerator

        mutating func value(at elapsed: Duration, row: Int?, table: ReplayTable?) -> Double? {
            switch metric.source {
            case .column(let name): return row.flatMap { table?.value(name, row: $0) }
            case .waveform(var waveform):
                let value = waveform.value(at: elapsed, random: &random)
                metric.source = .waveform(waveform)
                return value
            }
        }
    }

    private var generators: [Generator]
    private let table: ReplayTable?

    init(profile: DeviceProfile, deviceSeed: UInt64) {
        table = profile.replay?.table
        generators = profile.metrics.map { metric in
            var metric = metric
            if case .waveform(var waveform) = metric.source {
                waveform.begin(deviceSeed: deviceSeed)
                metric.source = .waveform(waveform)
            }
            return Generator(metric: metric, random: SeededGenerator(seed: deviceSeed, for: metric.name))
        }
    }

    /// Returns the metrics at `elapsed` since the device's start. Metrics that replay a column take their values from
    /// `row`. Empty if all replayed columns are empty in that row.
    mutating func metrics(at elapsed: Duration, row: Int?) -> [Metric] {
        var metrics: [Metric] = []
        metrics.reserveCapacity(generators.count)
        var hasColumn = row == nil
        for index in generators.indices {
            guard let value = generators[index].value(at: elapsed, row: row, table: table) else { continue }
            let metric = generators[index].metric
            if case .column = metric.source { hasColumn = true }
            metrics.append(Metric(name: metric.name, value: metric.rounded(value), unit: metric.unit))
        }
        // For an empty row, waveforms alone would produce a reading that is not in the file.
        return hasColumn ? metrics : []
    }
}
