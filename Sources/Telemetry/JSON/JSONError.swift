/// Why a text is not JSON, and where.
///
/// The description is meant for the person who wrote the text: it goes into dead letters and into the `message` of
/// `error` frames, so it never quotes more than one byte of the input, or the beginning of a name.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What would have been right at the offset.
    package enum Expectation: String, Hashable, Sendable {
        case value = "a value"
        case name = "a name in double quotes"
        case nameOrEnd = "a name in double quotes or '}'"
        case valueOrEnd = "a value or ']'"
        case colon = "':'"
        case commaOrBrace = "',' or '}'"
        case commaOrBracket = "',' or ']'"
        case digit = "a digit"
        case hexDigit = "a hexadecimal digit"
        case escape = "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u"
        case end = "the end of the text"
    }

    package enum Reason: Hashable, Sendable {
        case empty
        case unexpectedEnd
        case unexpectedByte(UInt8, expected: Expectation)
        case invalidUTF8
        /// A byte below 0x20 inside a string, where RFC 8259 section 7 wants an escape.
        case controlCharacter(UInt8)
        case loneSurrogate
        /// `NaN` or `Infinity` in any spelling.
        case notFinite
        /// A number beyond ±1.8e308.
        case numberTooLarge
        case tooDeep(limit: Int)
        /// A name that occurs twice in one object, which RFC 8259 section 4 leaves to the reader's guess.
        case duplicateName(String)
        case tooManyMembers(limit: Int)
        case tooManyValues(limit: Int)
    }

    package var reason: Reason
    /// Bytes from the start of the text to the first byte that is wrong.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String {
        switch reason {
        case .empty: "the text is empty, a JSON value is expected"
        case .unexpectedEnd: "the text ends at byte \(offset) before the value is complete"
        case .unexpectedByte(let byte, let expected):
            "at byte \(offset): found \(Self.name(of: byte)) where \(expected.rawValue) is expected"
        case .invalidUTF8: "at byte \(offset): not valid UTF-8"
        case .controlCharacter(let byte):
            "at byte \(offset): control character \(Self.name(of: byte)) in a string; write it as an escape"
        case .loneSurrogate: "at byte \(offset): half of a surrogate pair; \\ud800 to \\udfff come in pairs"
        case .notFinite: "at byte \(offset): NaN and Infinity are no JSON numbers"
        case .numberTooLarge: "at byte \(offset): the number is too large for a double (1.8e308)"
        case .tooDeep(let limit): "at byte \(offset): nested deeper than \(limit) levels"
        case .duplicateName(let name): "at byte \(offset): the name \(Excerpt(of: name)) comes twice in one object"
        case .tooManyMembers(let limit): "at byte \(offset): an object has more than \(limit) members"
        case .tooManyValues(let limit): "at byte \(offset): the text has more than \(limit) values"
        }
    }

    private static func name(of byte: UInt8) -> String {
        (0x21...0x7E).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    }
}
