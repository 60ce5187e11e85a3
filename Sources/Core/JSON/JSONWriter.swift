/// Functions that append compact JSON (RFC 8259) to a byte array. All of Windsock's JSON output is written with them.
///
/// They are used instead of `JSONEncoder`, because readings are written hundreds of thousands of times a second and
/// have a known shape.
package enum JSONWriter {
    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// Appends `string` in quotes. It escapes the characters that RFC 8259 section 7 requires, DEL, and also `<`, `>`
    /// and `&`, so that the text stays harmless when a page inserts it into markup. The output is always valid UTF-8,
    /// because a `String` is.
    package static func append(_ string: some StringProtocol, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(string, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends the shortest decimal form that parses back to the same value. Integers up to 2^53 have no fraction or
    /// exponent.
    ///
    /// JSON cannot express NaN and infinities, so they are written as `null`. Readings never contain them.
    package static func append(_ number: Double, to bytes: inout [UInt8]) {
        guard number.isFinite else { return append(raw: "null", to: &bytes) }
        if number.magnitude <= 9_007_199_254_740_992, let integer = Int64(exactly: number) {
            return append(integer, to: &bytes)
        }
        var text = number.description
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Appends a decimal integer.
    package static func append(_ integer: Int64, to bytes: inout [UInt8]) {
        var digits = integer.magnitude
        if integer < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digits % 10))
            digits /= 10
        } while digits > 0
        bytes[start...].reverse()
    }

    /// Appends `timestamp` as a quoted RFC 3339 string in UTC with milliseconds, such as `"2024-05-01T12:00:00.250Z"`.
    /// The field `timestamp` of every envelope has this form.
    package static func appendRFC3339(_ timestamp: Timestamp, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        timestamp.appendRFC3339(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends `text` verbatim, for keys and punctuation that need no escaping.
    package static func append(raw text: StaticString, to bytes: inout [UInt8]) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// Copies runs of bytes that need no escaping, and escapes the bytes between them.
    private static func appendEscaped(_ string: some StringProtocol, to bytes: inout [UInt8]) {
        let isWhole: Void? = string.utf8.withContiguousStorageIfAvailable { buffer in
            var runStart = 0
            for (index, byte) in buffer.enumerated() where needsEscape(byte) {
                bytes.append(contentsOf: buffer[runStart..<index])
                appendEscape(of: byte, to: &bytes)
                runStart = index + 1
            }
            bytes.append(contentsOf: buffer[runStart...])
        }
        if isWhole != nil { return }
        for byte in string.utf8 {
            if needsEscape(byte) { appendEscape(of: byte, to: &bytes) } else { bytes.append(byte) }
        }
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00..<0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "\\"): true
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"): true
        default: false
        }
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): append(raw: "\\\"", to: &bytes)
        case UInt8(ascii: "\\"): append(raw: "\\\\", to: &bytes)
        case UInt8(ascii: "\n"): append(raw: "\\n", to: &bytes)
        case UInt8(ascii: "\r"): append(raw: "\\r", to: &bytes)
        case UInt8(ascii: "\t"): append(raw: "\\t", to: &bytes)
        default:
            append(raw: "\\u00", to: &bytes)
            bytes.append(hexDigits[Int(byte >> 4)])
            bytes.append(hexDigits[Int(byte & 15)])
        }
    }
}

/// A builder for a compact JSON object, used for small responses of a known shape.
///
///     var payload = JSONObjectBuilder()
///     payload.add("room_id", room)
///     payload.add("dropped", 12)
///     payload.finished()  // {"room_id":"sensors/a","dropped":12}
package struct JSONObjectBuilder {
    private var bytes: [UInt8] = [UInt8(ascii: "{")]

    package init() {}

    /// Adds a string member.
    package mutating func add(_ name: StaticString, _ value: some StringProtocol) {
        addName(name)
        JSONWriter.append(value, to: &bytes)
    }

    /// Adds an integer member.
    package mutating func add(_ name: StaticString, _ value: Int) {
        addName(name)
        JSONWriter.append(Int64(value), to: &bytes)
    }

    /// Adds a number member in the shortest form that parses back to the same value.
    package mutating func add(_ name: StaticString, _ value: Double) {
        addName(name)
        JSONWriter.append(value, to: &bytes)
    }

    /// Adds a Boolean member.
    package mutating func add(_ name: StaticString, _ value: Bool) {
        addName(name)
        if value {
            JSONWriter.append(raw: "true", to: &bytes)
        } else {
            JSONWriter.append(raw: "false", to: &bytes)
        }
    }

    /// Adds an object finished by another builder.
    package mutating func add(_ name: StaticString, object: [UInt8]) {
        addName(name)
        bytes += object
    }

    /// Adds an instant as an RFC 3339 string.
    package mutating func add(_ name: StaticString, time: Timestamp) {
        addName(name)
        JSONWriter.appendRFC3339(time, to: &bytes)
    }

    /// Adds an array of strings.
    package mutating func add(_ name: StaticString, array: some Sequence<String>) {
        addName(name)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in array.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(value, to: &bytes)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Adds an array of objects finished by other builders.
    package mutating func add(_ name: StaticString, objects: some Sequence<[UInt8]>) {
        addName(name)
        bytes.append(UInt8(ascii: "["))
        for (index, object) in objects.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += object
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Returns the finished object, including its closing brace.
    package consuming func finished() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func addName(_ name: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        JSONWriter.append(raw: name, to: &bytes)
        JSONWriter.append(raw: "\":", to: &bytes)
    }
}
