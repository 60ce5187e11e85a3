import Telemetry

/// Makes the samples of one device out of its waveforms and its table.
struct Sampler: Sendable {
    private struct Generator {
        var metric: MetricProfile
        /// Of this metric alone, so that no other metric changes its values.
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

    /// The device's values at `elapsed` since its start, and in that row of its table; empty when the row is.
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
        // Waveforms beside an empty row would make a reading of what is not in the file.
        return hasColumn ? metrics : []
    }
}
