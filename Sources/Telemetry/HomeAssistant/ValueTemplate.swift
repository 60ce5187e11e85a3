package import Core

/// A template of Home Assistant that finds the value of an entity in a message.
///
///     {{ value }}    {{ value_json.a.b }}    {{ value_json['a'][0] }}    {{ value_json.a | float | round(1) }}
///
/// Only these forms are understood, with the filters `float`, `int` and `round`. All other templates are refused, because
/// they are programs.
///
/// Source: Home Assistant, "Templating", section "MQTT".
package struct ValueTemplate: Hashable, Sendable {
    /// The maximum length of a template in bytes.
    package static let maximumByteCount = 512
    /// The maximum number of names and indices, and of filters.
    package static let maximumStepCount = 16

    private enum Step: Hashable, Sendable {
        case member(ExactString)
        case element(Int)
    }

    private enum Filter: Hashable, Sendable {
        case float
        case int
        case round(Int)
    }

    /// True if the message must be JSON.
    package let readsJSON: Bool
    private let steps: [Step]
    private let filters: [Filter]
    /// The name that the JSON decoders give to the value: the names of the path joined with `.`. It is `nil` for the whole
    /// message, and for a path through an array.
    let metric: String?

    /// The template `{{ value }}`, which takes the whole message.
    package static let wholeMessage = ValueTemplate(member: nil)

    /// Creates a template for the named member of a JSON message; for the whole message if there is no name.
    init(member: String?) {
        readsJSON = member != nil
        steps = member.map { [.member(ExactString($0))] } ?? []
        filters = []
        metric = member
    }

    /// Parses a template; `nil` if it is not understood.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maximumByteCount else { return nil }
        var parser = Parser(text)
        guard parser.take("{{") else { return nil }
        switch parser.name() {
        case "value": readsJSON = false
        case "value_json": readsJSON = true
        default: return nil
        }
        var steps: [Step] = []
        var names: [String]? = []
        while readsJSON {
            if parser.take(".") {
                guard let name = parser.name() else { return nil }
                steps.append(.member(ExactString(name)))
                names?.append(name)
            } else if parser.take("[") {
                if let name = parser.quoted() {
                    steps.append(.member(ExactString(name)))
                    names?.append(name)
                } else if let index = parser.number() {
                    steps.append(.element(index))
                    names = nil
                } else {
                    return nil
                }
                guard parser.take("]") else { return nil }
            } else {
                break
            }
            guard steps.count <= Self.maximumStepCount else { return nil }
        }
        var filters: [Filter] = []
        while parser.take("|") {
            guard let filter = Self.filter(&parser), filters.count < Self.maximumStepCount else { return nil }
            filters.append(filter)
        }
        guard parser.take("}}"), parser.isAtEnd else { return nil }
        self.steps = steps
        self.filters = filters
        metric = names.flatMap { $0.isEmpty ? nil : $0.joined(separator: ".") }
    }

    private static func filter(_ parser: inout Parser) -> Filter? {
        switch parser.name() {
        case "float": return .float
        case "int": return .int
        case "round":
            guard parser.take("(") else { return .round(0) }
            guard let digits = parser.number(), digits <= 15, parser.take(")") else { return nil }
            return .round(digits)
        default: return nil
        }
    }

    /// Returns the value in a message; `nil` if there is none, or a filter cannot be applied to it.
    ///
    /// - Parameter json: The same message as JSON, if it is any.
    package func value(in text: String, json: JSONValue?) -> JSONValue? {
        guard var value = readsJSON ? json : .string(text) else { return nil }
        for step in steps {
            switch (step, value) {
            case (.member(let name), .object(let members)):
                guard let member = members.first(where: { ExactString($0.name) == name }) else { return nil }
                value = member.value
            case (.element(let index), .array(let elements)):
                guard elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        for filter in filters {
            guard let number = Self.number(in: value) else { return nil }
            switch filter {
            case .float: value = .number(number)
            case .int: value = .number(number.rounded(.towardZero))
            case .round(let digits): value = .number(Self.rounded(number, to: digits))
            }
        }
        return value
    }

    /// Returns the number that a value is or spells; `nil` for other values.
    static func number(in value: JSONValue) -> Double? {
        switch value {
        case .number(let number): number
        case .string(let text): (try? BareValueDecoder.text(of: Array(text.utf8))).flatMap(BareValueDecoder.number)
        case .bool, .null, .array, .object: nil
        }
    }

    /// Rounds to a number of decimal digits, and halves to the even digit as Home Assistant does.
    private static func rounded(_ number: Double, to digits: Int) -> Double {
        let power = (0..<digits).reduce(1.0) { power, _ in power * 10 }
        guard (number * power).magnitude < 1e15 else { return number }
        return (number * power).rounded(.toNearestOrEven) / power
    }
}

extension ValueTemplate {
    /// A parser of the template's text. White space before each part is skipped.
    private struct Parser {
        private var rest: Substring.UTF8View

        init(_ text: String) {
            rest = Substring(text).utf8
        }

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return rest.isEmpty
            }
        }

        mutating func take(_ text: StaticString) -> Bool {
            skipSpace()
            let text = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            guard rest.starts(with: text) else { return false }
            rest = rest.dropFirst(text.count)
            return true
        }

        /// Takes an identifier.
        mutating func name() -> String? {
            skipSpace()
            guard let first = rest.first, !(0x30...0x39).contains(first) else { return nil }
            let name = rest.prefix { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x30...0x39,
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            rest = rest.dropFirst(name.count)
            return name.isEmpty ? nil : String(Substring(name))
        }

        /// Takes a text in single or double quotes, without escapes.
        mutating func quoted() -> String? {
            skipSpace()
            guard let quote = rest.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
            let text = rest.dropFirst().prefix { $0 != quote && $0 != UInt8(ascii: "\\") }
            let after = rest.dropFirst(text.count + 1)
            guard after.first == quote else { return nil }
            rest = after.dropFirst()
            return String(Substring(text))
        }

        /// Takes a number from 0 to 9999.
        mutating func number() -> Int? {
            skipSpace()
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...4).contains(digits.count) else { return nil }
            rest = rest.dropFirst(digits.count)
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        private mutating func skipSpace() {
            rest = rest.drop { $0 == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains($0) }
        }
    }
}
