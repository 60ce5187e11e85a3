import Core
import Telemetry
import YAML

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
    /// The maximum number of metrics per device, which is also the gateway's limit for one message.
    private static let maximumCount = 256
    /// The default number of decimals of a waveform. Columns are not rounded by default.
    private static let usualDecimals = 2

    /// The payload convention, which limits the names; `nil` when it is invalid.
    let format: PayloadFormat?
    let hasReplay: Bool

    /// Returns the valid metrics in the file's order.
    func metrics(_ fields: YAMLMapping) -> [MetricProfile] {
        let metrics = fields.required("metrics", "a mapping of names, such as {temperature: {waveform: {noise: 0.1}}}")
        guard let entries = metrics?.mapping()?.entries else { return [] }
        guard (1...Self.maximumCount).contains(entries.count) else {
            fields.fail("metrics", "there are \(entries.count) metrics; allowed: 1 to \(Self.maximumCount)")
            return []
        }
        return entries.compactMap(metric)
    }

    private func metric(_ entry: YAMLMapping.Entry) -> MetricProfile? {
        guard isAllowed(entry) else { return nil }
        guard entry.value.isMapping, let fields = entry.value.mapping() else {
            let parts = WaveformReader.parts(entry.value)
            guard !parts.isEmpty else { return nil }
            return MetricProfile(
                name: entry.name, unit: nil, decimals: Self.usualDecimals, source: .waveform(Waveform(parts)))
        }
        let unit = fields.read("unit", .text())
        let decimals = fields.read("decimals", .integer(in: 0...9))
        let minimum = fields.read("min", .quantity) ?? ValueFormat.quantities.lowerBound
        let maximum = fields.read("max", .quantity) ?? ValueFormat.quantities.upperBound
        let column = fields.read("column", .text())
        if minimum > maximum { fields["min"]?.reject(allowed: "a number up to max") }
        switch (fields["waveform"], column) {
        case (let waveform?, nil):
            return MetricProfile(
                name: entry.name, unit: unit, decimals: decimals ?? Self.usualDecimals,
                source: .waveform(Waveform(WaveformReader.parts(waveform), minimum: minimum, maximum: maximum)))
        case (nil, let column?):
            if !hasReplay { fields.required("waveform", "a waveform, because \"column\" requires \"replay\"") }
            for key in ["min", "max"] { fields[key]?.reject(allowed: "only with \"waveform\"") }
            return MetricProfile(name: entry.name, unit: unit, decimals: decimals, source: .column(column))
        case (nil, nil):
            fields.required(
                "waveform", "a number, a part or a list of parts; with \"replay\", \"column\" is an alternative")
        case (_?, _?):
            fields.fail("waveform or column", "both are set; allowed: only one of them")
        }
        return nil
    }

    // MARK: Names

    private static let jsonMembers = [
        "ts", "time", "timestamp", "value", "values", "device", "traceparent", "tracestate",
    ]
    private static let zigbeeMembers = ["last_seen", "device", "update"]

    /// Reports a name that is not valid, or that the payload convention cannot represent, and returns false.
    private func isAllowed(_ entry: YAMLMapping.Entry) -> Bool {
        let name = entry.name
        guard (1...Metric.maximumNameByteCount).contains(name.utf8.count),
            !name.unicodeScalars.contains(where: {
                "/+#".unicodeScalars.contains($0) || $0.value < 0x20 || $0.value == 0x7F
            })
        else {
            entry.key.fail(
                """
                not a valid metric name; allowed: 1 to \(Metric.maximumNameByteCount) bytes without / + # or control \
                characters
                """)
            return false
        }
        let allowed: String? =
            switch format {
            case .json where Self.jsonMembers.contains(name):
                "a name other than \(Self.jsonMembers.joined(separator: ", ")), which json reserves"
            case .thingsboard where name == "values" || name == "ts":
                "a name other than ts and values, which thingsboard reserves"
            case .zigbee2mqtt where Self.zigbeeMembers.contains(name):
                "a name other than \(Self.zigbeeMembers.joined(separator: ", ")), which zigbee2mqtt reserves"
            case .tasmota where !TasmotaEncoder.canWrite(name): "words of lower case letters, joined with _"
            case .senml where !SenMLEncoder.canWrite(name): "letters and digits; - . _ only after the first character"
            default: nil
            }
        guard let format, let allowed else { return true }
        entry.key.fail("the name cannot be sent as \(format.rawValue); allowed: \(allowed)")
        return false
    }
}

/// A reader for waveforms: a number, one part, or a list of parts to be added up.
///
///     waveform:
///       - day: {low: 14, high: 28, period: 8m}
///       - noise: 0.1
private enum WaveformReader {
    private static var kinds: [(name: String, read: (YAMLValue) -> (any WaveformPart)?)] {
        [
            ("constant", { $0.read(.quantity).map(Constant.init) }), ("sine", sine), ("day", day),
            ("random_walk", randomWalk), ("steps", steps), ("pulse", pulse), ("spikes", spikes),
            ("noise", { $0.read(.number(in: 0...ValueFormat.quantities.upperBound)).map(Noise.init) }),
            ("counter", counter),
        ]
    }

    private static var allowed: String {
        "a number, or one of \(kinds.map(\.name).joined(separator: ", ")), or a list of these"
    }

    /// Returns the parts of a waveform. Parts with problems are reported and omitted.
    static func parts(_ value: YAMLValue) -> [any WaveformPart] {
        guard value.isList, let list = value.list() else { return [part(value)].compactMap(\.self) }
        if list.isEmpty { value.fail("the list is empty; allowed: \(allowed)") }
        return list.compactMap(part)
    }

    private static func part(_ value: YAMLValue) -> (any WaveformPart)? {
        if let number = value.match(.quantity) { return Constant(value: number) }
        guard value.isMapping, let fields = value.mapping() else {
            value.reject(allowed: allowed)
            return nil
        }
        let entries = fields.entries
        guard let entry = entries.first, entries.count == 1 else {
            value.fail(
                "the waveform part has \(entries.count) kinds; allowed: 1; put several parts into a list")
            return nil
        }
        guard let kind = kinds.first(where: { $0.name == entry.name }) else {
            entry.failAsUnknown(allowed: kinds.map(\.name))
            return nil
        }
        return kind.read(entry.value)
    }

    private static func counter(_ value: YAMLValue) -> Counter? {
        if value.isNull { return Counter() }
        guard let fields = value.mapping() else { return nil }
        return Counter(start: fields.read("start", .quantity) ?? 0, step: fields.read("step", .quantity) ?? 1)
    }

    private static func sine(_ value: YAMLValue) -> Sine? {
        guard let fields = value.mapping() else { return nil }
        let amplitude = fields.required("amplitude", .quantity)
        let period = fields.required("period", .span)
        let phase = fields.read("phase", .number(in: 0...1)) ?? 0
        guard let amplitude, let period else { return nil }
        return Sine(amplitude: amplitude, period: period, phase: phase)
    }

    private static func day(_ value: YAMLValue) -> DayCycle? {
        guard let fields = value.mapping() else { return nil }
        let low = fields.required("low", .quantity)
        let high = fields.required("high", .quantity)
        let period = fields.read("period", .span) ?? .seconds(86_400)
        let start = fields.read("start", .number(in: 0...1)) ?? 0
        let isDaylight = fields.read("daylight", .bool) ?? false
        guard let low, let high else { return nil }
        return DayCycle(low: low, high: high, period: period, start: start, isDaylight: isDaylight)
    }

    private static func randomWalk(_ value: YAMLValue) -> RandomWalk? {
        guard let fields = value.mapping() else { return nil }
        let start = fields.required("start", .quantity)
        let step = fields.required("step", .quantity)
        let low = fields.required("min", .quantity)
        let high = fields.required("max", .quantity)
        guard let start, let step, let low, let high else { return nil }
        guard low <= start, start <= high else {
            let range = ValueFormat.number(in: min(low, high)...max(low, high))
            fields["start"]?.reject(allowed: "\(range.allowed), the values of min and max")
            return nil
        }
        return RandomWalk(start: start, step: step, bounds: low...high)
    }

    private static func steps(_ value: YAMLValue) -> Steps? {
        guard let fields = value.mapping() else { return nil }
        let allowed = "a list of numbers such as [0, 1]"
        let levels = fields.required("levels", allowed)
        let hold = fields.required("hold", .span)
        guard let levels, let hold else { return nil }
        let numbers = (levels.isList ? levels.list() ?? [] : []).map { $0.match(.quantity) }
        guard !numbers.isEmpty, !numbers.contains(nil) else {
            levels.reject(allowed: allowed)
            return nil
        }
        return Steps(levels: numbers.compactMap(\.self), hold: hold)
    }

    private static func pulse(_ value: YAMLValue) -> Pulse? {
        guard let fields = value.mapping() else { return nil }
        let height = fields.required("height", .quantity)
        let windows = RecurringWindows(fields)
        let rise = fields.read("rise", .spanFromZero) ?? .zero
        let fall = fields.read("fall", .spanFromZero) ?? .zero
        guard let height, let windows else { return nil }
        return Pulse(height: height, windows: windows, rise: rise, fall: fall)
    }

    private static func spikes(_ value: YAMLValue) -> Spikes? {
        guard let fields = value.mapping() else { return nil }
        let height = fields.required("height", .quantity)
        let every = fields.required("every", .spikeInterval)
        let width = fields.read("for", .span) ?? .seconds(1)
        guard let height, let every else { return nil }
        return Spikes(every: every, height: height, width: width)
    }
}
