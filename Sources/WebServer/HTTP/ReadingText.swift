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

    /// Lines of values from the front of `values`, until they have `byteCount` bytes; nothing when there are none left. A
    /// line may be a hundred times as large as its value, if names are long.
    func lines(_ values: inout ArraySlice<StoredValue>, upTo byteCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < byteCount, let value = values.popFirst() { append(value, to: &bytes) }
        return bytes
    }

    /// One line: `2026-11-23T15:00:00.000Z,greenhouse-1,temperature,21.5,°C`, or
    /// `{"device":…,"room_id":…,"metric":…,"unit":…,"time":…,"value":21.5}`.
    private func append(_ value: StoredValue, to bytes: inout [UInt8]) {
        guard let part = parts[value.series] else { return }
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

    /// The line of a chart's point: the average stands where the value stands else; minimum, maximum and count follow.
    func appendPoint(
        of series: StoredSeries, _ time: Timestamp, _ value: Double,
        _ bucket: (minimum: Double, maximum: Double, count: Int), to bytes: inout [UInt8]
    ) {
        append(StoredValue(series: series.id, time: time, sequence: 0, value: value), to: &bytes)
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
