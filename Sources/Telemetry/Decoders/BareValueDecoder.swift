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

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try context.limits.check(byteCount: payload.count)
        let value = try Self.value(of: payload)
        return [try Self.reading(of: value, context: context)]
    }

    /// Returns a reading of a value that has no name in the payload.
    static func reading(of value: Double, context: DecodingContext) throws(DecodeError) -> DecodedReading {
        let device = try context.device(orNamed: nil)
        var collector = MetricCollector(context: context, expecting: 1)
        try collector.add(context.metricOrDefault, value)
        return DecodedReading(device: device, metrics: collector.metrics)
    }

    /// Returns the value of a number or a word.
    static func value(of payload: [UInt8]) throws(DecodeError) -> Double {
        guard let first = payload.firstIndex(where: { !isWhitespace($0) }),
            let last = payload.lastIndex(where: { !isWhitespace($0) })
        else { throw .noNumber }
        let bytes = payload[first...last]
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidUTF8(offset: payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount))
        }
        if let value = try decimal(bytes) { return value }
        guard text.utf8.count <= maximumWordByteCount else { throw .noNumber }
        if let value = OnOff.value(of: text) { return value }
        switch text.lowercased().drop(while: { $0 == "-" || $0 == "+" }) {
        case "nan", "inf", "infinity": throw .notFinite
        default: throw .noNumber
        }
    }

    /// Returns the value of a decimal number; `nil` if the bytes have another form.
    static func decimal(_ bytes: ArraySlice<UInt8>) throws(DecodeError) -> Double? {
        guard isDecimal(bytes) else { return nil }
        guard let value = Double(String(decoding: bytes, as: UTF8.self)) else { throw .noNumber }
        guard value.isFinite else { throw .notFinite }
        return value
    }

    /// Returns true if the bytes are only characters of decimal numbers and include a digit.
    private static func isDecimal(_ bytes: ArraySlice<UInt8>) -> Bool {
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
