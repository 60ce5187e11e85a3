/// A strict parser of JSON texts (RFC 8259): what comes from devices and from clients.
///
/// Strict means: UTF-8 without a byte order mark, no comments, no trailing commas, no NaN or Infinity, no lone
/// surrogates, no number that overflows a double, no name twice in an object, and nesting and members up to a limit, so
/// that no text can exhaust the stack. The text's length is the caller's to limit; the work grows in proportion to it.
/// Hand-written because it runs once for every message from the broker.
package struct JSONParser {
    /// How deep objects and arrays may nest when the caller does not say.
    package static let defaultMaxDepth = 32
    /// The deepest nesting that a caller may allow; each level costs a stack frame.
    package static let highestMaxDepth = 256
    /// The default limit of members of an object.
    package static let defaultMaxMembers = 4096

    let base: UnsafePointer<UInt8>
    let end: Int
    let maxDepth: Int
    let maxMembers: Int
    let maxValues: Int
    private var valueCount = 0
    var position = 0

    /// The value of a whole text; white space around it is allowed, anything else is not.
    ///
    /// `maxDepth` above ``highestMaxDepth`` counts as that. `maxValues` limits all values together, objects and arrays
    /// included: a value takes many times the bytes of its text.
    package static func parse(
        _ bytes: [UInt8], maxDepth: Int = defaultMaxDepth, maxMembers: Int = defaultMaxMembers, maxValues: Int = .max
    ) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) -> JSONValue in
            try parse(buffer, maxDepth: maxDepth, maxMembers: maxMembers, maxValues: maxValues)
        }
    }

    /// The same for bytes that live elsewhere, such as in a network buffer. Nothing of them is kept.
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
            base: base, end: buffer.count, maxDepth: min(maxDepth, highestMaxDepth), maxMembers: maxMembers,
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

    /// Steps over `literal` when it stands here as a whole.
    private mutating func skip(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position + index] != literal.utf8Start[index] { return false }
        position += count
        return true
    }

    /// Whether `NaN`, `inf` or `Infinity` stands here, in any case: what many printers make of such a double.
    var isAtNonFiniteLiteral: Bool {
        var start = position
        if start < end, base[start] == UInt8(ascii: "-") || base[start] == UInt8(ascii: "+") { start += 1 }
        guard end - start >= 3 else { return false }
        let letters = (base[start] | 0x20, base[start + 1] | 0x20, base[start + 2] | 0x20)
        return letters == (UInt8(ascii: "n"), UInt8(ascii: "a"), UInt8(ascii: "n"))
            || letters == (UInt8(ascii: "i"), UInt8(ascii: "n"), UInt8(ascii: "f"))
    }

    func unexpected(_ expected: JSONError.Expectation) -> JSONError {
        guard position < end else { return JSONError(.unexpectedEnd, at: position) }
        return JSONError(.unexpectedByte(base[position], expected: expected), at: position)
    }
}
