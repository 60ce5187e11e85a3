/// A strict JSON parser (RFC 8259) for payloads from devices and clients.
///
/// It rejects a byte order mark, invalid UTF-8, comments, trailing commas, NaN and Infinity, lone surrogates, numbers
/// that overflow a double, and duplicate names in an object. Nesting depth and member counts are limited, so no text
/// can exhaust the stack. The caller limits the text's length; the work grows in proportion to it. It is hand-written
/// for speed, because it runs for every message from the broker.
package struct JSONParser {
    /// The default nesting limit of objects and arrays.
    package static let defaultMaxDepth = 32
    /// The largest nesting limit that a caller may set. Each level needs space on the stack.
    package static let maxSupportedDepth = 256
    /// The default limit of members per object.
    package static let defaultMaxMembers = 4096

    let base: UnsafePointer<UInt8>
    let end: Int
    let maxDepth: Int
    let maxMembers: Int
    let maxValues: Int
    private var valueCount = 0
    var position = 0

    /// Parses a whole text. White space may surround the value; anything else is an error.
    ///
    /// A `maxDepth` above ``maxSupportedDepth`` is reduced to it. `maxValues` limits the total number of values,
    /// including objects and arrays, because a parsed value takes many times the bytes of its text.
    package static func parse(
        _ bytes: [UInt8], maxDepth: Int = defaultMaxDepth, maxMembers: Int = defaultMaxMembers, maxValues: Int = .max
    ) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONValue in
            try parse(buffer, maxDepth: maxDepth, maxMembers: maxMembers, maxValues: maxValues)
        }
    }

    /// Parses bytes owned by the caller, such as a network buffer. The result keeps no reference to them.
    package static func parse(
        _ bytes: UnsafeRawBufferPointer, maxDepth: Int = defaultMaxDepth
    ) throws(JSONError) -> JSONValue {
        try bytes.withMemoryRebound(to: UInt8.self) { (buffer) throws(JSONError) -> JSONValue in
            try parse(buffer, maxDepth: maxDepth, maxMembers: defaultMaxMembers, maxValues: .max)
        }
    }

    private static func parse(
        _ buffer: UnsafeBufferPointer<UInt8>, maxDepth: Int, maxMembers: Int, maxValues: Int
    ) throws(JSONError) -> JSONValue {
        guard let base = buffer.baseAddress, !buffer.isEmpty else { throw JSONError(.empty, at: 0) }
        var parser = JSONParser(
            base: base, end: buffer.count, maxDepth: min(maxDepth, maxSupportedDepth), maxMembers: maxMembers,
            maxValues: maxValues)
        parser.skipWhitespace()
        guard parser.position < parser.end else { throw JSONError(.empty, at: parser.position) }
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.position == parser.end else { throw parser.unexpected(.end) }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard position < end else { throw JSONError(.unexpectedEnd, at: position) }
        valueCount += 1
        guard valueCount <= maxValues else { throw JSONError(.tooManyValues(limit: maxValues), at: position) }
        switch base[position] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return .number(try number())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t") where skip("true"): return .bool(true)
        case UInt8(ascii: "f") where skip("false"): return .bool(false)
        case UInt8(ascii: "n") where skip("null"): return .null
        default: throw isAtNonFiniteLiteral ? JSONError(.notFinite, at: position) : unexpected(.value)
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> [JSONMember] {
        guard depth <= maxDepth else { throw JSONError(.tooDeep(limit: maxDepth), at: position) }
        position += 1
        skipWhitespace()
        var members: [JSONMember] = []
        if position < end, base[position] == UInt8(ascii: "}") {
            position += 1
            return members
        }
        members.reserveCapacity(8)
        var names = JSONMemberNames()
        while true {
            guard position < end, base[position] == UInt8(ascii: "\"") else {
                throw unexpected(members.isEmpty ? .nameOrEnd : .name)
            }
            let start = position
            let name = try string()
            guard members.count < maxMembers else { throw JSONError(.tooManyMembers(limit: maxMembers), at: start) }
            guard names.insert(name, after: members) else { throw JSONError(.duplicateName(name), at: start) }
            skipWhitespace()
            guard position < end, base[position] == UInt8(ascii: ":") else { throw unexpected(.colon) }
            position += 1
            skipWhitespace()
            members.append(JSONMember(name: name, value: try value(depth: depth)))
            skipWhitespace()
            guard position < end else { throw unexpected(.commaOrBrace) }
            switch base[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return members
            default: throw unexpected(.commaOrBrace)
            }
            skipWhitespace()
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        guard depth <= maxDepth else { throw JSONError(.tooDeep(limit: maxDepth), at: position) }
        position += 1
        skipWhitespace()
        var elements: [JSONValue] = []
        if position < end, base[position] == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            elements.append(try value(depth: depth))
            skipWhitespace()
            guard position < end else { throw unexpected(.commaOrBracket) }
            switch base[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return elements
            default: throw unexpected(.commaOrBracket)
            }
            skipWhitespace()
        }
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while position < end {
            switch base[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position += 1
            default: return
            }
        }
    }

    /// Skips `literal` and returns true if the text continues with all of it.
    private mutating func skip(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position + index] != literal.utf8Start[index] { return false }
        position += count
        return true
    }

    /// True if the text continues with `NaN`, `inf` or `Infinity`, in any case and with or without a sign. Many
    /// programs print such doubles that way, although JSON does not allow it.
    var isAtNonFiniteLiteral: Bool {
        var start = position
        if start < end, base[start] == UInt8(ascii: "-") || base[start] == UInt8(ascii: "+") { start += 1 }
        guard end - start >= 3 else { return false }
        let letters = (base[start] | 0x20, base[start + 1] | 0x20, base[start + 2] | 0x20)
        return letters == (UInt8(ascii: "n"), UInt8(ascii: "a"), UInt8(ascii: "n"))
            || letters == (UInt8(ascii: "i"), UInt8(ascii: "n"), UInt8(ascii: "f"))
    }

    /// Returns the error for an unexpected byte, or for the unexpected end of the text.
    func unexpected(_ expected: JSONError.Expectation) -> JSONError {
        guard position < end else { return JSONError(.unexpectedEnd, at: position) }
        return JSONError(.unexpectedByte(base[position], expected: expected), at: position)
    }
}

/// A detector of duplicate names in one JSON object, in time linear in the object's size.
///
/// The names of small objects are compared with each other. Larger objects use a hash set with a random seed, so that
/// senders cannot provoke collisions.
struct JSONMemberNames {
    private static let linearSearchLimit = 32

    /// A 64-bit Bloom filter of the names seen so far. A name whose bit is still clear is new, which settles nearly all
    /// names of a small object without a comparison.
    private var marks: UInt64 = 0
    private var seen: Set<ExactString> = []

    /// Records `name`; returns false if it is already among `members`.
    @inline(__always)
    mutating func insert(_ name: String, after members: [JSONMember]) -> Bool {
        guard members.count < Self.linearSearchLimit else { return insertHashed(name, after: members) }
        let mark = Self.mark(of: name)
        guard marks & mark != 0 else {
            marks |= mark
            return true
        }
        let name = ExactString(name)
        return !members.contains { ExactString($0.name) == name }
    }

    private mutating func insertHashed(_ name: String, after members: [JSONMember]) -> Bool {
        if seen.isEmpty {
            seen.reserveCapacity(4 * members.count)
            for member in members { seen.insert(ExactString(member.name)) }
        }
        return seen.insert(ExactString(name)).inserted
    }

    private static func mark(of name: String) -> UInt64 {
        var digest: UInt64 = 0
        for byte in name.utf8 { digest = (digest &+ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15 }
        return 1 << (digest >> 58)
    }
}

/// An error that says why and where a text is not valid JSON.
///
/// The description is meant for the author of the text. It goes into dead letters and into the `message` of `error`
/// frames, so it never quotes more than one byte of the input or the beginning of a name.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The input that would have been valid at the offset.
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
        /// A byte below 0x20 inside a string, which RFC 8259 section 7 requires to be escaped.
        case controlCharacter(UInt8)
        case loneSurrogate
        /// `NaN` or `Infinity` in any spelling.
        case notFinite
        /// A number whose magnitude exceeds 1.8e308.
        case numberTooLarge
        case tooDeep(limit: Int)
        /// A duplicate name in one object. RFC 8259 section 4 leaves its meaning undefined.
        case duplicateName(String)
        case tooManyMembers(limit: Int)
        case tooManyValues(limit: Int)
    }

    package var reason: Reason
    /// The position of the error: the number of bytes before it.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    package var description: String {
        switch reason {
        case .empty: "the text is empty; expected a JSON value"
        case .unexpectedEnd: "the text ends at byte \(offset) before the value is complete"
        case .unexpectedByte(let byte, let expected):
            "at byte \(offset): found \(Self.name(of: byte)); expected \(expected.rawValue)"
        case .invalidUTF8: "at byte \(offset): not valid UTF-8"
        case .controlCharacter(let byte):
            "at byte \(offset): unescaped control character (\(Self.name(of: byte))) in a string"
        case .loneSurrogate: "at byte \(offset): unpaired surrogate; \\ud800 to \\udfff must come in pairs"
        case .notFinite: "at byte \(offset): NaN and Infinity are not valid JSON numbers"
        case .numberTooLarge: "at byte \(offset): the number is too large for a double; allowed: at most 1.8e308"
        case .tooDeep(let limit): "at byte \(offset): nested too deeply; allowed: at most \(limit) levels"
        case .duplicateName(let name): "at byte \(offset): duplicate name \(Excerpt(of: name)) in an object"
        case .tooManyMembers(let limit): "at byte \(offset): too many members in an object; allowed: at most \(limit)"
        case .tooManyValues(let limit): "at byte \(offset): too many values; allowed: at most \(limit)"
        }
    }

    private static func name(of byte: UInt8) -> String {
        (0x21...0x7E).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    }
}
