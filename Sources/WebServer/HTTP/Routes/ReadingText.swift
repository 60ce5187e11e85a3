import Core
import HTTPTypes
import Hummingbird
import Services
import Storage
import Telemetry

/// A writer of readings as lines of CSV (RFC 4180) or NDJSON.
struct ReadingText {
    /// The text that all lines of a series have in common, by the id of the series.
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

    /// The header line; nil for formats without one.
    var head: [UInt8]? { format == .csv ? Array("time,device,metric,value,unit\r\n".utf8) : nil }

    /// Removes values from the front of `values` and returns their lines, until the text has at least `byteCount`
    /// bytes. Returns an empty array when no values are left. The text is bounded rather than the number of values:
    /// with long names, a line may be a hundred times as large as its value.
    func lines(_ values: inout ArraySlice<StoredValue>, upTo byteCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < byteCount, let value = values.popFirst() { append(value, to: &bytes) }
        return bytes
    }

    /// Appends one line: `2026-11-23T15:00:00.000Z,greenhouse-1,temperature,21.5,°C`, or
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

    /// Appends the line of a chart point: like that of a reading, followed by minimum, maximum and count. `value` is
    /// the average.
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

    // MARK: CSV fields

    /// Returns a CSV field, quoted if necessary or if a spreadsheet would read it as a formula.
    ///
    /// Compares bytes, as CSV readers do. A comma with a combining mark is a different character, but its first byte
    /// still ends the field.
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

/// The format of readings, named by the query or negotiated with `Accept` (RFC 9110, section 12.5.1).
enum ReadingFormat: String, CaseIterable, Sendable {
    case json, csv, ndjson

    private static let names: [(String, ReadingFormat)] = [
        ("application/json", .json), ("text/csv", .csv), ("application/x-ndjson", .ndjson), ("application/*", .json),
        ("*/*", .json), ("text/*", .csv),
    ]

    /// Selects the format that the query parameter `format` names, or else the one negotiated with `Accept`.
    ///
    /// - Throws: ``Problem`` (400) when there is no such format, or (406) when the client accepts none.
    init(query name: String?, accept: String?) throws {
        guard let name else {
            self = try Self(accept: accept)
            return
        }
        guard let format = Self(rawValue: name) else {
            let allowed = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.badRequest, "\"format\" is \"\(name.prefix(64))\"; allowed: \(allowed).")
        }
        self = format
    }

    /// Selects the first supported format that the client lists, or JSON if it lists none. Ignores quality values.
    ///
    /// - Throws: ``Problem`` (406) when the client accepts none of the formats.
    init(accept: String?) throws {
        let accept = accept ?? ""
        let wanted = accept.split(separator: ",").map { range in
            range.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        }
        if wanted.isEmpty {
            self = .json
            return
        }
        for name in wanted {
            if let match = Self.names.first(where: { $0.0 == name }) {
                self = match.1
                return
            }
        }
        throw Problem(
            .notAcceptable,
            "\"Accept\" is \"\(accept.prefix(128))\"; allowed: application/json, text/csv, application/x-ndjson.")
    }

    var contentType: String {
        switch self {
        case .json: "application/json"
        case .csv: "text/csv; charset=utf-8; header=present"
        case .ndjson: "application/x-ndjson"
        }
    }
}
