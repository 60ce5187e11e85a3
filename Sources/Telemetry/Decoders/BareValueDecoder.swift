import Core

/// A decoder of payloads that are a single value: `21.5`, `ON`, `OFF`, `true` or `false`, optionally surrounded by
/// white space.
///
/// The metric has the name that the topic gives, or `value` if it gives none. Numbers are decimal with an optional
/// sign, fraction and exponent. Leading zeros and a leading `+` are allowed, because small devices print numbers that
/// way.
package struct BareValueDecoder: PayloadDecoder {
    package var convention: PayloadConvention { .bare }

    /// The length in bytes above which a text is not compared with words such as `true` and `infinity`.
    private static let maximumWordByteCount = 16
    /// The length in bytes above which a text inside a payload is not parsed as a number.
    private static let maximumNumberByteCount = 64

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(byteCount: payload.count)
        let text = try Self.text(of: payload)
        if let reading = try Self.state(text, context: context) { return [reading] }
        return [try Self.reading(of: try Self.value(of: text), context: context)]
    }

    /// Returns a reading of a text that the route knows as a state.
    private static func state(_ text: String, context: DecodingContext) throws(DecodeError) -> DecodedReading? {
        // Checked before a collector is made, because most messages are numbers.
        guard context.rules?.state(text, of: context.metricOrDefault) != nil else { return nil }
        var collector = MetricCollector(context: context, expecting: 1)
        guard try collector.addState(text, to: context.metricOrDefault) else { return nil }
        if collector.isEmpty { throw .dropped }
        return DecodedReading(device: try context.device(orNamed: nil), metrics: collector.metrics)
    }

    /// Returns a reading of a value that has no name in the payload.
    static func reading(of value: Double, context: DecodingContext) throws(DecodeError) -> DecodedReading {
        let device = try context.device(orNamed: nil)
        var collector = MetricCollector(context: context, expecting: 1)
        try collector.add(context.metricOrDefault, value)
        if collector.isEmpty { throw .dropped }
        return DecodedReading(device: device, metrics: collector.metrics)
    }

    /// Returns a payload's text without the white space around it.
    static func text(of payload: [UInt8]) throws(DecodeError) -> String {
        guard let first = payload.firstIndex(where: { !isWhitespace($0) }),
            let last = payload.lastIndex(where: { !isWhitespace($0) })
        else { throw .noNumber }
        guard let text = String(validating: payload[first...last], as: UTF8.self) else {
            throw .invalidUTF8(offset: payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount))
        }
        return text
    }

    /// Returns the number in a text that consists of nothing else; `nil` for other texts and for numbers that a double
    /// cannot hold.
    static func number(in text: String) -> Double? {
        guard text.utf8.count <= maximumNumberByteCount else { return nil }
        return try? decimal(text.utf8)
    }

    /// Returns the value of a number or a word.
    static func value(of text: String) throws(DecodeError) -> Double {
        if let value = try decimal(text.utf8) { return value }
        if let error = NumberWithExtras.error(for: text) { throw error }
        guard text.utf8.count <= maximumWordByteCount else { throw .noNumber }
        if let value = OnOff.value(of: text) { return value }
        switch text.lowercased().drop(while: { $0 == "-" || $0 == "+" }) {
        case "nan", "inf", "infinity": throw .notFinite
        default: throw .noNumber
        }
    }

    /// Returns the value of a decimal number; `nil` if the bytes have another form.
    static func decimal(_ bytes: some Collection<UInt8>) throws(DecodeError) -> Double? {
        guard isDecimal(bytes) else { return nil }
        guard let value = Double(String(decoding: bytes, as: UTF8.self)) else { throw .noNumber }
        guard value.isFinite else { throw .notFinite }
        return value
    }

    /// Returns true if the bytes are only characters of decimal numbers and include a digit.
    private static func isDecimal(_ bytes: some Sequence<UInt8>) -> Bool {
        var hasDigit = false
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): hasDigit = true
            case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): continue
            default: return false
            }
        }
        return hasDigit
    }

    private static func isWhitespace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
    }
}

/// Texts that a person reads as a number, but that are none: `21,5` and `21.5 °C`.
///
/// They are not accepted, because a guess may be wrong: `1,234` is a thousand in one country and one and a bit in another.
private enum NumberWithExtras {
    private static let maximumByteCount = 32

    /// Returns the error that names the extra, or `nil` for other texts.
    static func error(for text: String) -> DecodeError? {
        guard text.utf8.count <= maximumByteCount else { return nil }
        var rest = Substring(text).unicodeScalars
        if let sign = rest.first, sign == "-" || sign == "+" { rest.removeFirst() }
        var digitCount = skipDigits(&rest)
        let separator = rest.first
        if separator == "," || separator == "." {
            rest.removeFirst()
            let fractionCount = skipDigits(&rest)
            if separator == ",", digitCount == 0 || fractionCount == 0 { return nil }
            digitCount += fractionCount
        }
        while rest.first == " " { rest.removeFirst() }
        guard digitCount > 0, rest.isEmpty || isUnit(rest) else { return nil }
        if separator == "," { return .decimalComma(text) }
        return rest.isEmpty ? nil : .numberWithUnit(text)
    }

    private static func skipDigits(_ text: inout Substring.UnicodeScalarView) -> Int {
        var count = 0
        while let scalar = text.first, ("0"..."9").contains(scalar) {
            text.removeFirst()
            count += 1
        }
        return count
    }

    /// Returns true for a text such as `°C`, `%`, `µg/m³` or `m2`.
    private static func isUnit(_ text: Substring.UnicodeScalarView) -> Bool {
        guard let first = text.first, first.properties.isAlphabetic || "°%‰".unicodeScalars.contains(first) else {
            return false
        }
        return text.dropLast().allSatisfy { !("0"..."9").contains($0) }
    }
}

/// The words that devices use for the two states of a switch.
enum OnOff {
    /// Returns 1 for `ON` and `true`, 0 for `OFF` and `false`, in any case; `nil` for other text.
    static func value(of text: String) -> Double? {
        guard (2...5).contains(text.utf8.count) else { return nil }
        switch text.lowercased() {
        case "on", "true": return 1
        case "off", "false": return 0
        default: return nil
        }
    }
}
