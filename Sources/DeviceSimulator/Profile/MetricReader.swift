import Telemetry
import Yams

/// Reads `metrics`: a mapping of names to a number, a list of waveform parts, or a mapping.
///
///     metrics:
///       seq: {decimals: 0, waveform: {counter: {}}}
///       temperature:
///         unit: °C
///         decimals: 1
///         waveform: [{constant: 21}, {noise: 0.1}]
///       co2: {unit: ppm, column: CO2}
struct MetricReader {
    /// How waveforms are rounded unless the file says otherwise. Columns stay as they are.
    static let usualDecimals = 2

    let problems: ProblemCollector

    /// The metrics in the file's order.
    func metrics(_ reader: inout MappingReader, hasReplay: Bool) -> [MetricProfile] {
        let allowed = "a mapping of names, such as {temperature: {waveform: {noise: 0.1}}}"
        guard reader.value("metrics") != nil else {
            reader.missing("metrics", allowed)
            return []
        }
        guard let fields = reader.mapping("metrics") else { return [] }
        guard (1...ProfileReader.maximumMetricCount).contains(fields.keys.count) else {
            problems.add(
                "there are \(fields.keys.count) metrics; allowed: 1 to \(ProfileReader.maximumMetricCount)",
                at: fields.node, key: "metrics")
            return []
        }
        return fields.keys.compactMap { name, key, value in
            metric(name, key: key, value: value, hasReplay: hasReplay)
        }
    }

    private func metric(_ name: String, key: Node, value: Node, hasReplay: Bool) -> MetricProfile? {
        let path = "metrics.\(name)"
        guard (1...Metric.maximumNameByteCount).contains(name.utf8.count),
            !name.unicodeScalars.contains(where: {
                "/+#".unicodeScalars.contains($0) || $0.value < 0x20 || $0.value == 0x7F
            })
        else {
            problems.add(
                """
                the metric's name is not allowed; allowed: 1 to \(Metric.maximumNameByteCount) bytes without / + # and \
                control characters
                """, at: key, key: path)
            return nil
        }
        let waveforms = WaveformReader(problems: problems)
        guard value.mapping != nil, var fields = MappingReader(value, path: path, problems: problems) else {
            let parts = waveforms.parts(value, path: path)
            return parts.isEmpty
                ? nil
                : MetricProfile(
                    name: name, unit: nil, decimals: Self.usualDecimals, source: .waveform(Waveform(parts)))
        }
        defer { fields.finish() }
        let unit = fields.text("unit")
        let decimals = fields.integer("decimals", in: 0...9)
        let minimum = fields.number("min") ?? -MappingReader.maximumNumber
        let maximum = fields.number("max") ?? MappingReader.maximumNumber
        let column = fields.text("column")
        let waveform = fields.value("waveform")
        if minimum > maximum {
            fields.wrong(fields.value("min") ?? value, "min", allowed: "a number up to max") as Void?
        }
        switch (waveform, column) {
        case (let waveform?, nil):
            let parts = waveforms.parts(waveform, path: fields.key("waveform"))
            return MetricProfile(
                name: name, unit: unit, decimals: decimals ?? Self.usualDecimals,
                source: .waveform(Waveform(parts, minimum: minimum, maximum: maximum)))
        case (nil, let column?):
            if !hasReplay { fields.missing("waveform", "a column only beside 'replay'; here a waveform is needed") }
            for name in ["min", "max"] {
                if let node = fields.value(name) {
                    fields.wrong(node, name, allowed: "only beside 'waveform'") as Void?
                }
            }
            return MetricProfile(name: name, unit: unit, decimals: decimals, source: .column(column))
        case (nil, nil):
            fields.missing("waveform", "a number, a part or a list of parts; beside 'replay' also 'column'")
        case (_?, _?): fields.missing("waveform or column", "one of the two; here are both")
        }
        return nil
    }
}
