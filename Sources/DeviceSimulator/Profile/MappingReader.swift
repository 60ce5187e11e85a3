import Core
import Yams

/// A reader for the keys of one mapping in a device file. It reports problems with the file, line, key and value, and
/// with the allowed values.
///
/// Each key that is read is added to the *known* keys. ``finish()`` reports all other keys as unknown.
struct MappingReader {
    /// The largest number allowed in a device file. At this size, doubles neither lose whole numbers nor overflow.
    static let maximumNumber = 1e12

    /// The allowed range of most durations in a device file: from finer than any sensor to longer than any run.
    static let spans: ClosedRange<Duration> = .milliseconds(1) ... .seconds(365 * 86_400)

    let node: Node
    /// The parent keys of this mapping, joined with `.`; empty for the file's root.
    let path: String
    let problems: ProblemCollector

    private let mapping: Node.Mapping
    private var known: Set<String> = []

    /// Returns `nil` and reports a problem when the node is not a mapping.
    init?(_ node: Node, path: String, problems: ProblemCollector) {
        guard let mapping = node.mapping else {
            problems.add(
                "\(Self.excerpt(node)) is not a mapping; expected keys with values, one per line or in { }", at: node,
                key: path)
            return nil
        }
        self.node = node
        self.path = path
        self.problems = problems
        self.mapping = mapping
    }

    /// All keys in the file's order.
    var keys: [(name: String, key: Node, value: Node)] {
        mapping.map { ($0.key.scalar?.string ?? Self.excerpt($0.key), $0.key, $0.value) }
    }

    /// Returns the full path of a key, including its parent keys.
    func key(_ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    /// Returns true when the file contains the key.
    func has(_ name: String) -> Bool {
        keys.contains { $0.name == name }
    }

    /// Returns the value of a key, or `nil` when the key is missing or its value is empty. Adds the key to the known
    /// keys.
    mutating func value(_ name: String) -> Node? {
        known.insert(name)
        guard let node = keys.first(where: { $0.name == name })?.value else { return nil }
        return node.scalar?.string == "" && node.scalar?.style == .plain ? nil : node
    }

    /// Returns true when the key is present with an empty or null value. Adds the key to the known keys.
    mutating func isNull(_ name: String) -> Bool {
        known.insert(name)
        guard let scalar = keys.first(where: { $0.name == name })?.value.scalar, scalar.style == .plain else {
            return false
        }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// Reports a required key that is missing; `what` describes the allowed values.
    func missing(_ name: String, _ what: String) {
        problems.add("required key is missing; expected \(what)", at: node, key: key(name))
    }

    mutating func text(_ name: String) -> String? {
        guard let node = value(name) else { return nil }
        guard let text = node.scalar?.string else { return wrong(node, name, allowed: "a string") }
        return text
    }

    mutating func bool(_ name: String) -> Bool? {
        guard let node = value(name) else { return nil }
        switch node.scalar?.string {
        case "true": return true
        case "false": return false
        default: return wrong(node, name, allowed: "true or false")
        }
    }

    mutating func number(
        _ name: String, in range: ClosedRange<Double> = -maximumNumber...maximumNumber
    ) -> Double? {
        guard let node = value(name) else { return nil }
        return Self.number(node, in: range) ?? wrong(node, name, allowed: "a number \(Self.describe(range))")
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let node = value(name) else { return nil }
        guard let number = node.scalar.flatMap({ Int($0.string) }), range.contains(number) else {
            return wrong(node, name, allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func span(_ name: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let node = value(name) else { return nil }
        guard let span = node.scalar.flatMap({ DurationText.parse($0.string) }), range.contains(span) else {
            return wrong(
                node, name,
                allowed: """
                    \(DurationText.allowed), from \(DurationText.format(range.lowerBound)) to \
                    \(DurationText.format(range.upperBound))
                    """)
        }
        return span
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        guard let node = value(name) else { return nil }
        return node.scalar.flatMap { Choice(rawValue: $0.string) }
            ?? wrong(node, name, allowed: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }

    /// Reads a required choice.
    mutating func requiredChoice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        if value(name) == nil { missing(name, Choice.allCases.map(\.rawValue).joined(separator: ", ")) }
        return choice(name, of: type)
    }

    /// Reads a required number.
    mutating func requiredNumber(_ name: String) -> Double? {
        if value(name) == nil { missing(name, "a number") }
        return number(name)
    }

    /// Reads a required time span.
    mutating func requiredSpan(_ name: String, in range: ClosedRange<Duration>) -> Duration? {
        if value(name) == nil { missing(name, DurationText.allowed) }
        return span(name, in: range)
    }

    /// Reads a required text; `what` describes the allowed values.
    mutating func requiredText(_ name: String, _ what: String) -> String? {
        if value(name) == nil { missing(name, what) }
        return text(name)
    }

    /// Reads the keys `every` and `for` of a schedule.
    mutating func windows() -> RecurringWindows? {
        let every = requiredSpan("every", in: Self.spans)
        let width = requiredSpan("for", in: Self.spans)
        guard let every, let width else { return nil }
        guard width < every else {
            problems.add(
                "'\(DurationText.format(width))' is too long; allowed: less than 'every' (\(DurationText.format(every)))",
                at: value("for") ?? node, key: key("for"))
            return nil
        }
        return RecurringWindows(every: every, width: width)
    }

    /// Returns a reader of the mapping under a key, or `nil` if the key is missing or its value is not a mapping.
    mutating func mapping(_ name: String) -> MappingReader? {
        value(name).flatMap { MappingReader($0, path: key(name), problems: problems) }
    }

    /// Reports all unknown keys. Call it last.
    func finish() {
        for (name, node, _) in keys where !known.contains(name) {
            let near = EditDistance.nearest(to: name, among: known.sorted()).map { "; did you mean '\($0)'?" } ?? ""
            problems.add(
                "unknown key\(near)\(near.isEmpty ? ";" : "") allowed: \(known.sorted().joined(separator: ", "))",
                at: node, key: key(name))
        }
    }

    /// Reports a value that is not allowed. Always returns `nil`, so that callers can return the result as theirs.
    @discardableResult
    func wrong<Value>(_ node: Node, _ name: String, allowed: String) -> Value? {
        problems.add("\(Self.excerpt(node)) is not valid; allowed: \(allowed)", at: node, key: key(name))
        return nil
    }

    /// Returns a scalar's number if it is within the range.
    static func number(
        _ node: Node, in range: ClosedRange<Double> = -maximumNumber...maximumNumber
    ) -> Double? {
        guard let number = node.scalar.flatMap({ Double($0.string) }), range.contains(number) else { return nil }
        return number
    }

    /// Describes a range in words.
    static func describe(_ range: ClosedRange<Double>) -> String {
        func text(_ number: Double) -> String {
            var bytes: [UInt8] = []
            JSONWriter.append(number, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        return "from \(text(range.lowerBound)) to \(text(range.upperBound))"
    }

    /// Returns the text that stands for a value in messages: the beginning of a scalar in quotes, or the kind of node.
    static func excerpt(_ node: Node) -> String {
        switch node {
        case .scalar(let scalar):
            let head = scalar.string.prefix(60)
            return "'\(head)\(head.endIndex == scalar.string.endIndex ? "" : "…")'"
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .alias: return "an alias"
        }
    }
}

/// Suggestions for mistyped keys.
enum EditDistance {
    /// Returns the candidate with the smallest edit distance, or `nil` if that is more than about a third of the word's
    /// length and the word is probably not a typo.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        guard word.utf8.count <= 40 else { return nil }
        let ranked = candidates.map { (name: $0, distance: distance(word, $0)) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(1, (word.count + 1) / 3)
        else {
            return nil
        }
        return best.name
    }

    /// Returns the Levenshtein distance: the number of characters to insert, delete or replace.
    static func distance(_ first: String, _ second: String) -> Int {
        let columns = Array(second)
        var row = Array(0...columns.count)
        for (index, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in columns.indices {
                let substituted = diagonal + (letter == columns[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
            }
        }
        return row[columns.count]
    }
}

extension DurationText {
    /// The notation in device files, for error messages.
    static let allowed = "a number with ms, s, m, h or d, such as 500ms or 1.5s"
}
