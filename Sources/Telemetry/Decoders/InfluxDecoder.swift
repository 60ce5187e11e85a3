import Core

/// A decoder of Influx line protocol, as Telegraf publishes it. Each line is a reading.
///
///     weather,location=us-midwest temperature=82,humidity=71i 1465839830100400200
///     cpu,cpu=cpu0,host=server1 usage_idle=98.5
///
/// *Names* consist of measurement, tag values and field, joined with `.`: `weather.us-midwest.temperature`. Tag values
/// are part of the name, because they tell series apart. The field `value` is left out.
///
/// *Device.* The tag `device` names it, subject to the rules for devices in payloads. If neither it nor the topic does,
/// the tag `host` does. Both are then no part of the names.
///
/// *Values.* Floats, integers (`71i`), unsigned integers (`71u`) and Booleans are values; strings are ignored, except for
/// states that the route knows. Comments and empty lines are skipped. Timestamps are nanoseconds; coarser ones are
/// recognized, see ``DeviceTime``.
///
/// Source: "Line protocol" in the documentation of InfluxDB.
package struct InfluxDecoder: PayloadDecoder {
    package var convention: PayloadConvention { .influx }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(byteCount: payload.count)
        let validCount = payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount)
        guard validCount == payload.count else { throw .invalidUTF8(offset: validCount) }
        var parser = InfluxParser(payload)
        var readings: [DecodedReading] = []
        while parser.skipToLine() {
            try context.limits.check(readingCount: readings.count + 1)
            if let reading = try parser.line(context: context) { readings.append(reading) }
        }
        if readings.isEmpty { throw .noMetrics(hasDropped: parser.hasDropped) }
        return readings
    }

    /// Returns true if the payload looks like line protocol: a blank, and a `=` after it. A bare value has no `=`.
    static func isLineProtocol(_ payload: [UInt8]) -> Bool {
        guard let blank = payload.firstIndex(of: UInt8(ascii: " ")) else { return false }
        return payload[blank...].contains(UInt8(ascii: "="))
    }
}

/// A parser of Influx line protocol. It reads each byte once.
struct InfluxParser {
    private let bytes: [UInt8]
    private var index = 0
    /// The number of the current line, for errors.
    private var lineNumber = 1
    /// True when a rule of the route has dropped a field of a line without metrics.
    private(set) var hasDropped = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    /// Moves to the next line that is neither empty nor a comment; returns false if there is none.
    mutating func skipToLine() -> Bool {
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\n"):
                index += 1
                lineNumber += 1
            case UInt8(ascii: "\r"), UInt8(ascii: " "), UInt8(ascii: "\t"): index += 1
            case UInt8(ascii: "#"): while let byte = next, byte != UInt8(ascii: "\n") { index += 1 }
            default: return true
            }
        }
        return false
    }

    /// Parses a line and moves behind it; returns `nil` if the line has no metrics.
    mutating func line(context: DecodingContext) throws(DecodeError) -> DecodedReading? {
        var prefix = try name(endingAt: ", ", escaping: ", ")
        let device = try tags(into: &prefix, context: context)
        guard take(UInt8(ascii: " ")) else { throw invalid(expected: "a blank and fields after the measurement") }
        while take(UInt8(ascii: " ")) {}

        var collector = MetricCollector(context: context, expecting: 4)
        repeat {
            let field = try name(endingAt: "=, ", escaping: ",= ")
            guard take(UInt8(ascii: "=")) else { throw invalid(expected: "fields such as temperature=21.5") }
            try collector.add(ExactString(field) == "value" ? prefix : "\(prefix).\(field)", json: try fieldValue())
        } while take(UInt8(ascii: ","))
        let time = try timestamp()
        if collector.isEmpty {
            if collector.hasDropped { hasDropped = true }
            return nil
        }
        return DecodedReading(
            device: device, metrics: collector.metrics, deviceTime: time, ignored: collector.ignored)
    }

    /// Parses the tags and appends to the names' prefix the values of those that do not name the device; returns the
    /// device.
    private mutating func tags(
        into prefix: inout String, context: DecodingContext
    ) throws(DecodeError) -> DeviceID {
        var device: DeviceID?
        var host: String?
        while take(UInt8(ascii: ",")) {
            let key = try name(endingAt: "=, ", escaping: ",= ")
            guard take(UInt8(ascii: "=")) else { throw invalid(expected: "tags such as location=north") }
            let value = try name(endingAt: ", ", escaping: ",= ")
            switch ExactString(key) {
            case "device":
                device = try context.payloadDevice(named: value)
                continue
            case "host" where context.device.map { ExactString($0.rawValue) == ExactString(value) } ?? true:
                host = value
                continue
            default: prefix += ".\(value)"
            }
            // Checked for each tag, so that fields do not each copy an oversized name.
            guard prefix.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(prefix) }
        }
        guard prefix.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(prefix) }
        if let device { return device }
        return try context.device(orNamed: host)
    }

    /// Parses a name up to one of `ends`, which is not consumed. A backslash before one of `escaped` is removed.
    private mutating func name(
        endingAt ends: StaticString, escaping escaped: StaticString
    ) throws(DecodeError) -> String {
        var text: [UInt8] = []
        while let byte = next, byte != UInt8(ascii: "\n"), !Self.contains(ends, byte) {
            index += 1
            if byte == UInt8(ascii: "\\"), let following = next, Self.contains(escaped, following) {
                text.append(following)
                index += 1
            } else {
                text.append(byte)
            }
        }
        if text.isEmpty { throw invalid(expected: "names that are not empty") }
        return String(decoding: text, as: UTF8.self)
    }

    /// Parses the value of a field: a number, a Boolean or a string.
    private mutating func fieldValue() throws(DecodeError) -> JSONValue {
        if take(UInt8(ascii: "\"")) { return .string(try quotedText()) }
        let token = token(endingAt: ", \r\n")
        if let value = try BareValueDecoder.decimal(token) { return .number(value) }
        switch ExactString(String(decoding: token.prefix(8), as: UTF8.self)) {
        case "t", "T", "true", "True", "TRUE": return .bool(true)
        case "f", "F", "false", "False", "FALSE": return .bool(false)
        default: break
        }
        let digits = String(decoding: token.dropLast(), as: UTF8.self)
        switch token.last {
        case UInt8(ascii: "i"): if let value = Int64(digits) { return .number(Double(value)) }
        case UInt8(ascii: "u"): if let value = UInt64(digits) { return .number(Double(value)) }
        default: break
        }
        throw invalid(expected: "a number, a Boolean or a quoted string as the value of a field")
    }

    /// Parses a string behind its opening quotation mark. A backslash before a quotation mark or a backslash is removed.
    private mutating func quotedText() throws(DecodeError) -> String {
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), let following = next, Self.contains("\"\\", following) {
                text.append(following)
                index += 1
            } else {
                text.append(byte)
            }
        }
        throw invalid(expected: "a closing quotation mark")
    }

    /// Parses the rest of the line: a timestamp, or nothing.
    private mutating func timestamp() throws(DecodeError) -> Timestamp? {
        while take(UInt8(ascii: " ")) {}
        let text = String(decoding: token(endingAt: " \r\n"), as: UTF8.self)
        while take(UInt8(ascii: " ")) {}
        guard next.map({ Self.contains("\r\n", $0) }) ?? true else {
            throw invalid(expected: "nothing after the timestamp")
        }
        if text.isEmpty { return nil }
        guard let number = Int64(text) else { throw .badTime(text) }
        // Converted without a double if they are nanoseconds, of which a double keeps only 1/4 µs.
        if number.magnitude >= 100_000_000_000_000_000 { return Timestamp(nanosecondsSinceEpoch: number) }
        guard let timestamp = DeviceTime.timestamp(fromUnixTime: Double(number)) else { throw .badTime(text) }
        return timestamp
    }

    private mutating func token(endingAt ends: StaticString) -> ArraySlice<UInt8> {
        let start = index
        while let byte = next, !Self.contains(ends, byte) { index += 1 }
        return bytes[start..<index]
    }

    /// Consumes the byte if it is the next one.
    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        index += 1
        return true
    }

    private func invalid(expected: String) -> DecodeError {
        .wrongType(what: "line \(lineNumber) of the line protocol", expected: expected, found: "invalid")
    }

    private static func contains(_ set: StaticString, _ byte: UInt8) -> Bool {
        set.withUTF8Buffer { $0.contains(byte) }
    }
}
