import Core

/// A decoder of JSON payloads whose values are found by the paths of a route.
///
/// A path that leads nowhere is skipped, because devices leave out what they did not measure. Numeric strings and `ON`,
/// `OFF`, `true` and `false` are values here, because the route names them. A payload without any value is an error.
struct MappedDecoder: JSONPayloadDecoder, Hashable {
    /// The source of the values besides the metrics with paths of their own.
    private enum Selection: Hashable {
        case none
        /// All numbers of an object: the one at the path with this index, or the sample.
        case all(Int?)
        /// A single value. The numbers are indices of paths.
        case single(value: Int, metric: Int?, unit: Int?)
    }

    /// A metric with a path of its own.
    private struct Pick: Hashable {
        let name: String
        let path: Int
        let change: MetricChange
        let states: MetricStates?
    }

    private let each: PayloadPath?
    private let paths: [PayloadPath]
    private let device: Int?
    private let time: Int?
    private let selection: Selection
    private let picks: [Pick]
    private let states: MetricStates?

    var convention: PayloadConvention { .json }

    init(paths: PayloadMapping.Paths, metrics: [MappedMetric], states: MetricStates?) {
        var all: [PayloadPath] = []
        func index(of path: PayloadPath?) -> Int? {
            path.map { path in
                all.append(path)
                return all.count - 1
            }
        }
        each = paths.each
        device = index(of: paths.device)
        time = index(of: paths.time)
        if let value = index(of: paths.value) {
            selection = .single(value: value, metric: index(of: paths.metric), unit: index(of: paths.unit))
        } else if let values = index(of: paths.values) {
            selection = .all(values)
        } else {
            selection = metrics.isEmpty ? .all(nil) : .none
        }
        picks = metrics.compactMap { metric in
            index(of: metric.path).map { path in
                Pick(name: metric.name, path: path, change: metric.change, states: metric.change.states ?? states)
            }
        }
        self.paths = all
        self.states = states
    }

    func decode(_ payload: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        var found = [JSONValue?](repeating: nil, count: paths.count)
        // Paths from the root are followed only once, however many samples there are. An object or array there would be
        // decoded again for every sample, so only single values are taken.
        for (index, path) in paths.enumerated() where path.isFromRoot {
            let value = path.value(in: payload)
            found[index] = each == nil || value?.isSingle == true ? value : nil
        }
        var hasDropped = false
        guard let each else {
            guard let reading = try reading(of: payload, &found, &hasDropped, context: context) else {
                throw hasDropped ? .dropped : noValue
            }
            return [reading]
        }
        let samples = each.value(in: payload)
        guard case .array(let samples)? = samples else {
            throw .wrongType(
                what: "the value at the path \(Excerpt(of: each.description))", expected: "an array",
                found: samples?.kind ?? "missing")
        }
        try context.limits.check(readingCount: samples.count)
        var readings: [DecodedReading] = []
        readings.reserveCapacity(samples.count)
        for sample in samples {
            if let reading = try reading(of: sample, &found, &hasDropped, context: context) {
                readings.append(reading)
            }
        }
        if readings.isEmpty { throw hasDropped ? .dropped : noValue }
        return readings
    }

    /// Decodes a sample; `nil` if it has no values.
    ///
    /// - Parameters:
    ///   - found: The values of all paths. Those that begin at the sample are replaced.
    ///   - hasDropped: Set to true if a rule of the route has dropped metrics.
    private func reading(
        of sample: JSONValue, _ found: inout [JSONValue?], _ hasDropped: inout Bool, context: DecodingContext
    ) throws(DecodeError) -> DecodedReading? {
        var cursor = 0
        for (index, path) in paths.enumerated() where !path.isFromRoot {
            found[index] = path.value(in: sample, from: &cursor)
        }
        var collector = MetricCollector(context: context, expecting: picks.count + 4)
        var annotations = JSONAnnotations()
        switch selection {
        case .none: break
        case .all(let path):
            switch path.map({ found[$0] }) ?? sample {
            case .object(let members)?: try annotations.read(members, into: &collector, context: context)
            case let value?: try collector.add(context.metricOrDefault, json: value)
            case nil: break
            }
        case .single(let value, let metric, let unit):
            if let value = found[value] {
                let name = metric.flatMap { found[$0]?.nameText } ?? context.metricOrDefault
                try collector.add(name, single: value, unit: unit.flatMap { found[$0]?.stringValue }, states: states)
            }
        }
        for pick in picks {
            guard let value = found[pick.path] else { continue }
            try collector.add(pick.name, value, change: pick.change, states: pick.states)
        }
        if collector.hasDropped { hasDropped = true }
        if collector.isEmpty { return nil }
        var reading = DecodedReading(
            device: try deviceID(found, annotations, context), metrics: collector.metrics,
            deviceTime: annotations.time, trace: annotations.trace.context, ignored: collector.ignored)
        if let time, let value = found[time] { reading.deviceTime = try DeviceTime.timestamp(from: value) }
        return reading
    }

    private func deviceID(
        _ found: [JSONValue?], _ annotations: JSONAnnotations, _ context: DecodingContext
    ) throws(DecodeError) -> DeviceID {
        guard let device, let name = found[device]?.nameText else {
            return try context.device(orNamed: annotations.device)
        }
        return try context.payloadDevice(named: name)
    }

    /// The error for a payload without values, with the paths that were followed.
    private var noValue: DecodeError {
        let values: [Int] =
            switch selection {
            case .none: []
            case .all(let path): path.map { [$0] } ?? []
            case .single(let value, _, _): [value]
            }
        let names = (values + picks.map(\.path)).prefix(3).map { Excerpt(of: paths[$0].description).description }
        if names.isEmpty { return .noNumber }
        return .noMappedValue(paths: names.joined(separator: ", "))
    }
}

extension JSONValue {
    /// True for a value that contains no others.
    fileprivate var isSingle: Bool {
        switch self {
        case .array, .object: false
        case .null, .bool, .number, .string: true
        }
    }

    /// The text of a string, or of a whole number, as the name of a device or metric.
    fileprivate var nameText: String? {
        stringValue ?? integerValue.map { String($0) }
    }
}
