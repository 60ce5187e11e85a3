import Core
import Storage

/// A writer of one series of a chart, in bounded chunks: as an element of a JSON array, or as one line of CSV or NDJSON
/// per point.
struct ChartText {
    /// Returns the text before the series of a chart: the opening of a JSON object, or the header line of CSV. Empty
    /// for NDJSON.
    static func head(of device: String, in range: Range<Timestamp>, as format: ReadingFormat) -> [UInt8] {
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

    /// Returns the text after the series of a chart: the end of a JSON object. Empty for other formats.
    static func tail(as format: ReadingFormat) -> [UInt8] {
        format == .json ? Array("]}".utf8) : []
    }

    private let line: ReadingChart.Line
    private let limits: [[UInt8]]
    private let isFirst: Bool
    /// The writer of CSV or NDJSON lines; `nil` for JSON.
    private let table: ReadingText?
    private var isBegun = false
    private var nextPoint = 0
    /// True when the whole series has been written.
    private(set) var isFinished = false

    /// - Parameter limits: The limits of the alert rules that watch the series, as JSON objects. Other formats leave them
    ///   out.
    init(_ line: ReadingChart.Line, limits: [[UInt8]] = [], isFirst: Bool, as format: ReadingFormat) {
        self.line = line
        self.limits = limits
        self.isFirst = isFirst
        table = format == .json ? nil : ReadingText(series: [line.series], format: format)
    }

    /// Writes until `bytes` holds `byteCount` bytes or the series is complete.
    mutating func write(to bytes: inout [UInt8], upTo byteCount: Int) {
        if !isBegun, table == nil { appendHead(to: &bytes) }
        isBegun = true
        while nextPoint < pointCount, bytes.count < byteCount {
            if let table {
                appendRow(of: table, to: &bytes)
            } else {
                appendPoint(to: &bytes)
            }
            nextPoint += 1
        }
        guard nextPoint == pointCount, !isFinished else { return }
        isFinished = true
        if table == nil { JSONWriter.append(raw: "]}", to: &bytes) }
    }

    private var pointCount: Int {
        switch line.points {
        case .values(let values): values.count
        case .buckets(let buckets, _): buckets.count
        }
    }

    private func appendHead(to bytes: inout [UInt8]) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        var object = JSONObjectBuilder()
        object.add("room_id", line.series.room)
        object.add("metric", line.series.metric)
        if let unit = line.series.unit { object.add("unit", unit) }
        if case .buckets(_, let width) = line.points { object.add("bucket_s", width / .seconds(1)) }
        if !limits.isEmpty { object.add("limits", objects: limits) }
        bytes += object.finished().dropLast()
        JSONWriter.append(raw: ",\"points\":[", to: &bytes)
    }

    private func appendPoint(to bytes: inout [UInt8]) {
        switch line.points {
        case .values(let values):
            let point = values[nextPoint]
            append([point.time.secondsSinceEpoch, point.value], to: &bytes)
        case .buckets(let buckets, _):
            let bucket = buckets[nextPoint]
            append(
                [
                    bucket.start.secondsSinceEpoch, bucket.minimum, bucket.average, bucket.maximum,
                    Double(bucket.count),
                ], to: &bytes)
        }
    }

    private func append(_ numbers: [Double], to bytes: inout [UInt8]) {
        if nextPoint > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "["))
        for (index, number) in numbers.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(number, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private func appendRow(of table: ReadingText, to bytes: inout [UInt8]) {
        switch line.points {
        case .values(let values):
            let point = values[nextPoint]
            table.appendPoint(of: line.series, point.time, point.value, (point.value, point.value, 1), to: &bytes)
        case .buckets(let buckets, _):
            let bucket = buckets[nextPoint]
            table.appendPoint(
                of: line.series, bucket.start, bucket.average, (bucket.minimum, bucket.maximum, bucket.count),
                to: &bytes)
        }
    }
}
