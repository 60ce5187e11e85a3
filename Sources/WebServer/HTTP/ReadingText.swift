import Services
import Storage
import Telemetry

/// Writes readings as JSON, CSV (RFC 4180) or NDJSON.
struct ReadingText {
    /// By the series' id: what every line of it has in common.
    private let parts: [Int64: [UInt8]]
    private let units: [Int64: [UInt8]]
    private let format: ReadingFormat

    init(series: [StoredSeries], format: ReadingFormat) {
        self.format = format
        var parts: [Int64: [UInt8]] = [:]
        var units: [Int64: [UInt8]] = [:]
        for series in series {
            if format == .csv {
                parts[series.id] = Self.field(series.device) + [UInt8(ascii: ",")] + Self.field(series.metric)
                units[series.id] = Self.field(series.unit ?? "")
            } else {
                var object = JSONObjectBuilder()
                object.add("device", series.device)
                object.add("room_id", series.room)
                object.add("metric", series.metric)
                if let unit = series.unit { object.add("unit", unit) }
                parts[series.id] = object.finished().dropLast()
            }
        }
        self.parts = parts
        self.units = units
    }

    /// What comes before all lines.
    var head: [UInt8]? { format == .csv ? Array("time,device,metric,value,unit\r\n".utf8) : nil }

    /// One line for each value: `2026-11-23T15:00:00.000Z,greenhouse-1,temperature,21.5,°C`, or
    /// `{"device":…,"room_id":…,"metric":…,"unit":…,"time":…,"value":21.5}`.
    func lines(_ values: [StoredValue]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 96)
        for value in values {
            guard let part = parts[value.series] else { continue }
            if format == .csv {
                value.time.appendExactRFC3339(to: &bytes)
                bytes.append(UInt8(ascii: ","))
                bytes += part
                bytes.append(UInt8(ascii: ","))
                JSONWriter.append(value.value, to: &bytes)
                bytes.append(UInt8(ascii: ","))
                bytes += units[value.series] ?? []
                JSONWriter.append(raw: "\r\n", to: &bytes)
            } else {
                bytes += part
                JSONWriter.append(raw: ",\"time\":\"", to: &bytes)
                value.time.appendExactRFC3339(to: &bytes)
                JSONWriter.append(raw: "\",\"value\":", to: &bytes)
                JSONWriter.append(value.value, to: &bytes)
                JSONWriter.append(raw: "}\n", to: &bytes)
            }
        }
        return bytes
    }

    // MARK: Charts

    /// The text before the series of a chart: the beginning of one JSON object, or a table's head.
    static func chartHead(of device: String, in range: Range<Timestamp>, as format: ReadingFormat) -> [UInt8] {
        guard format == .json else {
            return format == .csv ? Array("time,device,metric,value,unit,min,max,count\r\n".utf8) : []
        }
        var object = JSONObjectBuilder()
        object.add("device", device)
        object.add("from", range.lowerBound.secondsSinceEpoch)
        object.add("to", range.upperBound.secondsSinceEpoch)
        var bytes: [UInt8] = object.finished().dropLast()
        JSONWriter.append(raw: ",\"series\":[", to: &bytes)
        return bytes
    }

    /// One series of a chart: an element of the JSON array, or a line for each point, with the bucket's figures beside
    /// it.
    static func chartPart(_ line: ReadingChart.Line, isFirst: Bool, as format: ReadingFormat) -> [UInt8] {
        guard format == .json else { return table(line, as: format) }
        let bytes = Self.line(line.series, line.points)
        return isFirst ? bytes : [UInt8(ascii: ",")] + bytes
    }

    /// The text after the series of a chart.
    static func chartTail(as format: ReadingFormat) -> [UInt8] {
        format == .json ? Array("]}".utf8) : []
    }

    private static func line(_ series: StoredSeries, _ points: ReadingSampler.Points) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("room_id", series.room)
        object.add("metric", series.metric)
        if let unit = series.unit { object.add("unit", unit) }
        var bytes: [UInt8]
        switch points {
        case .values(let values):
            bytes = object.finished().dropLast()
            JSONWriter.append(raw: ",\"points\":[", to: &bytes)
            for (index, point) in values.enumerated() {
                append([point.time.secondsSinceEpoch, point.value], isFirst: index == 0, to: &bytes)
            }
        case .buckets(let buckets, let width):
            object.add("bucket_s", width / .seconds(1))
            bytes = object.finished().dropLast()
            JSONWriter.append(raw: ",\"points\":[", to: &bytes)
            for (index, bucket) in buckets.enumerated() {
                append(
                    [
                        bucket.start.secondsSinceEpoch, bucket.minimum, bucket.average, bucket.maximum,
                        Double(bucket.count),
                    ], isFirst: index == 0, to: &bytes)
            }
        }
        JSONWriter.append(raw: "]}", to: &bytes)
        return bytes
    }

    private static func append(_ numbers: [Double], isFirst: Bool, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: isFirst ? [UInt8(ascii: "[")] : [UInt8(ascii: ","), UInt8(ascii: "[")])
        for (index, number) in numbers.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(number, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// The average stands where the value stands else; minimum, maximum and count follow.
    private static func table(_ line: ReadingChart.Line, as format: ReadingFormat) -> [UInt8] {
        let text = ReadingText(series: [line.series], format: format)
        var bytes: [UInt8] = []
        switch line.points {
        case .values(let values):
            for point in values {
                text.append(line.series, point.time, point.value, (point.value, point.value, 1), to: &bytes)
            }
        case .buckets(let buckets, _):
            for bucket in buckets {
                text.append(
                    line.series, bucket.start, bucket.average, (bucket.minimum, bucket.maximum, bucket.count),
                    to: &bytes)
            }
        }
        return bytes
    }

    private func append(
        _ series: StoredSeries, _ time: Timestamp, _ value: Double,
        _ bucket: (minimum: Double, maximum: Double, count: Int), to bytes: inout [UInt8]
    ) {
        bytes += lines([StoredValue(series: series.id, time: time, sequence: 0, value: value)])
        if format == .csv {
            bytes.removeLast(2)
            bytes.append(UInt8(ascii: ","))
            JSONWriter.append(bucket.minimum, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            JSONWriter.append(bucket.maximum, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            JSONWriter.append(Int64(bucket.count), to: &bytes)
            JSONWriter.append(raw: "\r\n", to: &bytes)
        } else {
            bytes.removeLast(2)
            JSONWriter.append(raw: ",\"min\":", to: &bytes)
            JSONWriter.append(bucket.minimum, to: &bytes)
            JSONWriter.append(raw: ",\"max\":", to: &bytes)
            JSONWriter.append(bucket.maximum, to: &bytes)
            JSONWriter.append(raw: ",\"count\":", to: &bytes)
            JSONWriter.append(Int64(bucket.count), to: &bytes)
            JSONWriter.append(raw: "}\n", to: &bytes)
        }
    }

    // MARK: Fields

    /// A field of a CSV line: quoted where it must be, and where a spreadsheet would take it for a formula.
    ///
    /// Looks at bytes and not at characters, as whoever reads the table does: a comma with a combining mark is one
    /// character that equals no comma, and still ends the field.
    static func field(_ text: String) -> [UInt8] {
        let bytes = text.utf8
        let isFormula = bytes.first.map("=+-@\t\r".utf8.contains) ?? false
        guard isFormula || bytes.contains(where: ",\"\r\n".utf8.contains) else { return Array(bytes) }
        let quote = UInt8(ascii: "\"")
        var field = isFormula ? [quote, UInt8(ascii: "'")] : [quote]
        for byte in bytes {
            if byte == quote { field.append(quote) }
            field.append(byte)
        }
        field.append(quote)
        return field
    }
}
