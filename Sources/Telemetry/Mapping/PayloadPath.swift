package import Core

/// A path to a value in a JSON payload, as routes give it: `data.sensors[0].temp`.
///
/// - Names are separated by `.`; `[0]` or `.0` is an element of an array, counted from 0.
/// - `$` at the beginning is the whole payload. Other paths begin at the sample, which is the same unless the route
///   reads an array of samples.
/// - A backslash takes the next character literally: `rack\.1.temp` has the two names `rack.1` and `temp`.
///
/// It is parsed once, when the configuration is read.
package struct PayloadPath: Hashable, Sendable, CustomStringConvertible {
    /// The maximum length of a path in bytes.
    package static let maximumByteCount = 256
    /// The maximum number of names and indices in a path.
    package static let maximumStepCount = 16

    private enum Step: Hashable, Sendable {
        /// A member of an object; of an array the element `index`, if the name is a number.
        case member(ExactString, index: Int?)
        /// An element of an array.
        case element(Int)
    }

    /// The path as configured.
    package let description: String
    /// True when the path begins with `$`.
    package let isFromRoot: Bool
    private let steps: [Step]

    /// The allowed paths in words, for error messages.
    package static let allowed = "a path such as temperature, data.temp or readings[0].value"

    /// Parses a path.
    ///
    /// - Throws: `InvalidText` with the reason and what is allowed.
    package init(_ text: String) throws(InvalidText) {
        guard (1...Self.maximumByteCount).contains(text.utf8.count) else {
            throw InvalidText(
                "the path has \(text.utf8.count) bytes; allowed: 1 to \(Self.maximumByteCount) bytes, such as data.temp"
            )
        }
        var parser = Parser(text)
        isFromRoot = parser.skipRoot()
        var steps: [Step] = []
        while let step = try parser.step(isFirst: steps.isEmpty && !isFromRoot) {
            guard steps.count < Self.maximumStepCount else {
                throw parser.problem("has too many steps; allowed: at most \(Self.maximumStepCount)")
            }
            steps.append(step)
        }
        self.steps = steps
        description = text
    }

    /// Returns the value at this path below `value`, or `nil` if there is none.
    func value(in value: JSONValue) -> JSONValue? {
        var cursor = 0
        return self.value(in: value, from: &cursor)
    }

    /// Returns the value at this path below `value`, or `nil` if there is none.
    ///
    /// - Parameter cursor: The member of `value` at which the search begins; replaced by the one after the found member.
    ///   Devices and routes often list values in the same order, so each search ends at once.
    func value(in value: JSONValue, from cursor: inout Int) -> JSONValue? {
        guard case .member(let name, _)? = steps.first, case .object(let members) = value else {
            return Self.value(in: value, at: steps[...])
        }
        guard let index = Self.index(of: name, in: members, from: cursor) else { return nil }
        cursor = index + 1
        return steps.count == 1 ? members[index].value : Self.value(in: members[index].value, at: steps.dropFirst())
    }

    private static func value(in value: JSONValue, at steps: ArraySlice<Step>) -> JSONValue? {
        var value = value
        for step in steps {
            switch (step, value) {
            case (.member(let name, _), .object(let members)):
                guard let index = index(of: name, in: members, from: 0) else { return nil }
                value = members[index].value
            case (.member(_, let index?), .array(let elements)), (.element(let index), .array(let elements)):
                guard elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    /// Returns the index of a member, which is searched from `start` to the end and then from the beginning.
    private static func index(of name: ExactString, in members: [JSONMember], from start: Int) -> Int? {
        let start = min(start, members.count)
        for index in start..<members.count where ExactString(members[index].name) == name { return index }
        for index in 0..<start where ExactString(members[index].name) == name { return index }
        return nil
    }
}

extension PayloadPath {
    /// A parser of the path's text. It works on bytes, because all separators are ASCII.
    private struct Parser {
        private let text: String
        private let bytes: [UInt8]
        private var position = 0

        init(_ text: String) {
            self.text = text
            bytes = Array(text.utf8)
        }

        /// Skips a leading `$` that is a whole step, and returns true if there was one.
        mutating func skipRoot() -> Bool {
            guard bytes.first == UInt8(ascii: "$"), bytes.count == 1 || ".[".utf8.contains(bytes[1]) else {
                return false
            }
            position = 1
            return true
        }

        /// Returns the next step, or `nil` at the end.
        mutating func step(isFirst: Bool) throws(InvalidText) -> Step? {
            guard position < bytes.count else { return nil }
            if bytes[position] == UInt8(ascii: "[") { return .element(try index()) }
            if !isFirst {
                guard bytes[position] == UInt8(ascii: ".") else { throw problem("needs '.' or '[' after ']'") }
                position += 1
            }
            return try member()
        }

        private mutating func member() throws(InvalidText) -> Step {
            var name: [UInt8] = []
            var isLiteral = false
            while position < bytes.count {
                let byte = bytes[position]
                if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "[") { break }
                if byte == UInt8(ascii: "]") { throw problem("has ']' without '['; a literal one is written \\]") }
                if byte == UInt8(ascii: "\\") {
                    position += 1
                    isLiteral = true
                    guard position < bytes.count else { throw problem("ends with a backslash") }
                }
                name.append(bytes[position])
                position += 1
            }
            guard !name.isEmpty else { throw problem("has an empty name") }
            return .member(
                ExactString(String(decoding: name, as: UTF8.self)), index: isLiteral ? nil : Self.index(in: name[...]))
        }

        private mutating func index() throws(InvalidText) -> Int {
            let start = position + 1
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "]")),
                let index = Self.index(in: bytes[start..<end])
            else { throw problem("has an invalid index; allowed: a number from 0 to 999999, such as [0]") }
            position = end + 1
            return index
        }

        private static func index(in digits: ArraySlice<UInt8>) -> Int? {
            guard (1...6).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        func problem(_ what: String) -> InvalidText {
            InvalidText("the path \(Excerpt(of: text)) \(what)")
        }
    }
}
