import Core
import Telemetry
import Yams

/// A reader for `metrics`: a mapping from names to a number, a list of waveform parts, or a mapping.
///
///     metrics:
///       seq: {decimals: 0, waveform: {counter: {}}}
///       temperature:
///         unit: °C
///         decimals: 1
///         waveform: [{constant: 21}, {noise: 0.1}]
///       co2: {unit: ppm, column: CO2}
struct MetricReader {
    /// The default number of decimals of a waveform. Columns are not rounded by default.
    static let usualDecimals = 2

    let problems: ProblemCollector

    /// Returns the metrics in the file's order.
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
                not a valid metric name; allowed: 1 to \(Metric.maximumNameByteCount) bytes without / + # or control \
                characters
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
            if !hasReplay { fields.missing("waveform", "a waveform, because 'column' requires 'replay'") }
            for name in ["min", "max"] {
                if let node = fields.value(name) {
                    fields.wrong(node, name, allowed: "only with 'waveform'") as Void?
                }
            }
            return MetricProfile(name: name, unit: unit, decimals: decimals, source: .column(column))
        case (nil, nil):
            fields.missing("waveform", "a number, a part or a list of parts; with 'replay', 'column' is an alternative")
        case (_?, _?):
            problems.add("both are set; allowed: only one of them", at: value, key: fields.key("waveform or column"))
        }
        return nil
    }
}

/// A reader for waveforms: a number, one part, or a list of parts to be added up.
///
///     waveform:
///       - day: {low: 14, high: 28, period: 8m}
///       - noise: 0.1
struct WaveformReader {
    private static let kinds = [
        "constant", "sine", "day", "random_walk", "steps", "pulse", "spikes", "noise", "counter",
    ]

    let problems: ProblemCollector

    /// Returns the parts of a waveform. Parts with problems are reported and omitted.
    func parts(_ node: Node, path: String) -> [any WaveformPart] {
        switch node {
        case .sequence(let sequence):
            if sequence.isEmpty { problems.add("the list is empty; allowed: \(allowed)", at: node, key: path) }
            return sequence.enumerated().compactMap { part($0.element, path: "\(path)[\($0.offset)]") }
        default: return part(node, path: path).map { [$0] } ?? []
        }
    }

    private var allowed: String { "a number, or one of \(Self.kinds.joined(separator: ", ")), or a list of these" }

    private func part(_ node: Node, path: String) -> (any WaveformPart)? {
        if let number = MappingReader.number(node) { return Constant(value: number) }
        guard let mapping = node.mapping else {
            problems.add(
                "\(MappingReader.excerpt(node)) is not a valid waveform; allowed: \(allowed)", at: node, key: path)
            return nil
        }
        guard mapping.count == 1, var reader = MappingReader(node, path: path, problems: problems) else {
            problems.add(
                "the waveform part has \(mapping.count) kinds; allowed: 1; put several parts into a list", at: node,
                key: path)
            return nil
        }
        let part = part(of: &reader)
        for kind in Self.kinds { _ = reader.value(kind) }
        reader.finish()
        return part
    }

    private func part(of reader: inout MappingReader) -> (any WaveformPart)? {
        switch reader.keys.first?.name {
        case "constant": return reader.number("constant").map(Constant.init)
        case "noise": return reader.number("noise", in: 0...MappingReader.maximumNumber).map(Noise.init)
        case "counter": return counter(of: &reader)
        case let kind?:
            guard Self.kinds.contains(kind) else { return nil }
            guard reader.value(kind) != nil else {
                reader.missing(kind, "the keys of this waveform")
                return nil
            }
            guard var fields = reader.mapping(kind) else { return nil }
            defer { fields.finish() }
            switch kind {
            case "sine": return sine(&fields)
            case "day": return day(&fields)
            case "random_walk": return randomWalk(&fields)
            case "steps": return steps(&fields)
            case "pulse": return pulse(&fields)
            case "spikes": return spikes(&fields)
            default: return nil
            }
        case nil: return nil
        }
    }

    private func counter(of reader: inout MappingReader) -> Counter? {
        guard reader.value("counter") != nil else { return Counter() }
        guard var fields = reader.mapping("counter") else { return nil }
        defer { fields.finish() }
        return Counter(start: fields.number("start") ?? 0, step: fields.number("step") ?? 1)
    }

    private func sine(_ fields: inout MappingReader) -> Sine? {
        let amplitude = fields.requiredNumber("amplitude")
        let period = fields.requiredSpan("period", in: MappingReader.spans)
        let phase = fields.number("phase", in: 0...1) ?? 0
        guard let amplitude, let period else { return nil }
        return Sine(amplitude: amplitude, period: period, phase: phase)
    }

    private func day(_ fields: inout MappingReader) -> DayCycle? {
        let low = fields.requiredNumber("low")
        let high = fields.requiredNumber("high")
        let period = fields.span("period", in: MappingReader.spans) ?? .seconds(86_400)
        let start = fields.number("start", in: 0...1) ?? 0
        let isDaylight = fields.bool("daylight") ?? false
        guard let low, let high else { return nil }
        return DayCycle(low: low, high: high, period: period, start: start, isDaylight: isDaylight)
    }

    private func randomWalk(_ fields: inout MappingReader) -> RandomWalk? {
        let start = fields.requiredNumber("start")
        let step = fields.requiredNumber("step")
        let low = fields.requiredNumber("min")
        let high = fields.requiredNumber("max")
        guard let start, let step, let low, let high else { return nil }
        guard low <= start, start <= high else {
            return fields.wrong(
                fields.value("start") ?? fields.node, "start",
                allowed: "a number from min to max, that is \(MappingReader.describe(min(low, high)...max(low, high)))")
        }
        return RandomWalk(start: start, step: step, bounds: low...high)
    }

    private func steps(_ fields: inout MappingReader) -> Steps? {
        let node = fields.value("levels")
        let hold = fields.requiredSpan("hold", in: MappingReader.spans)
        let levels = node?.sequence?.compactMap { MappingReader.number($0) } ?? []
        guard !levels.isEmpty, levels.count == node?.sequence?.count else {
            let allowed = "a list of numbers such as [0, 1]"
            if let node {
                fields.wrong(node, "levels", allowed: allowed) as Void?
            } else {
                fields.missing("levels", allowed)
            }
            return nil
        }
        return hold.map { Steps(levels: levels, hold: $0) }
    }

    private func pulse(_ fields: inout MappingReader) -> Pulse? {
        let height = fields.requiredNumber("height")
        let windows = fields.windows()
        let rise = fields.span("rise", in: .zero...MappingReader.spans.upperBound) ?? .zero
        let fall = fields.span("fall", in: .zero...MappingReader.spans.upperBound) ?? .zero
        guard let height, let windows else { return nil }
        return Pulse(height: height, windows: windows, rise: rise, fall: fall)
    }

    private func spikes(_ fields: inout MappingReader) -> Spikes? {
        let height = fields.requiredNumber("height")
        let every = fields.requiredSpan("every", in: .milliseconds(10)...MappingReader.spans.upperBound)
        let width = fields.span("for", in: MappingReader.spans) ?? .seconds(1)
        guard let height, let every else { return nil }
        return Spikes(every: every, height: height, width: width)
    }
}
