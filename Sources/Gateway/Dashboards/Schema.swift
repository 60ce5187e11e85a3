import Core
import Foundation
import Telemetry
import Yams

/// The allowed content of a YAML node: types, ranges and rules. One schema drives both the validation of a file and its
/// translation to JSON.
indirect enum Schema: Sendable {
    /// Text with a number of characters in the range.
    case text(ClosedRange<Int>)
    /// A room name or room filter.
    case roomFilter
    case number(ClosedRange<Double>)
    case integer(ClosedRange<Int>)
    case word([String])
    /// A list with a number of elements in the range; `unique` forbids equal elements.
    case list(Schema, count: ClosedRange<Int>, unique: Bool)
    /// A mapping with arbitrary keys whose values share one schema.
    case dictionary(Schema)
    /// A mapping with a fixed set of keys, and rules between them.
    case object([Field], rules: [SchemaRule])

    /// A key of an object.
    struct Field: Sendable {
        var name: String
        var schema: Schema
        var isRequired = false
    }
}

/// A constraint between the values of an object.
struct SchemaRule: Sendable {
    /// A step of the path from the object to the offending value.
    enum Step: Sendable {
        case key(String)
        case index(Int)
    }

    /// A violation of the rule, with the path to the offending value. An empty path means the object itself.
    struct Violation: Sendable {
        var path: [Step]
        var problem: String
    }

    /// The keys that the rule reads. The rule is skipped when one of them is invalid or a required one is missing,
    /// because that error is already reported.
    var keys: [String]
    var check: @Sendable (_ object: JSONValue) -> [Violation]
}

/// A translator that validates a YAML node against a ``Schema``, converts it to JSON, and collects every problem with
/// its line and key.
struct SchemaTranslation {
    private let path: String
    private var problems: [(line: Int, error: ConfigurationError)] = []

    /// Creates a translation of a file; `path` appears in errors.
    init(path: String) {
        self.path = path
    }

    /// All problems found, in the order of the file's lines.
    var errors: [ConfigurationError] {
        problems.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }
            .map(\.element.error)
    }

    /// Records a problem, such as `dashboards/home.yaml:12: panels[1].metrics: …`.
    mutating func fail(_ node: Node?, _ key: String, _ problem: String) {
        let line = node?.mark?.line
        let origin = "\(path)\(line.map { ":\($0)" } ?? "")\(key.isEmpty ? "" : ": \(key)")"
        problems.append((line ?? 0, ConfigurationError(origin: origin, problem: problem)))
    }

    /// Returns the node as JSON; `nil` when it is invalid. Leaves out invalid children and records their problems.
    mutating func translate(_ node: Node, as schema: Schema, key: String) -> JSONValue? {
        switch schema {
        case .text(let count): text(node, count, key)
        case .roomFilter: roomFilter(node, key)
        case .number(let range): number(node, range, key)
        case .integer(let range): integer(node, range, key)
        case .word(let words): word(node, words, key)
        case .list(let element, let count, let unique): list(node, element, count, unique, key)
        case .dictionary(let value): dictionary(node, value, key)
        case .object(let fields, let rules): object(node, fields, rules, key)
        }
    }

    private mutating func text(_ node: Node, _ count: ClosedRange<Int>, _ key: String) -> JSONValue? {
        guard let text = node.scalar?.string, node.null == nil, count.contains(text.count) else {
            fail(node, key, "expected text of \(count.lowerBound) to \(count.upperBound) characters")
            return nil
        }
        return .string(text)
    }

    private mutating func roomFilter(_ node: Node, _ key: String) -> JSONValue? {
        guard let text = node.scalar?.string, node.null == nil else {
            fail(node, key, "expected a room or filter such as sensors/+")
            return nil
        }
        do throws(TopicError) {
            let filter = try TopicFilter(text)
            if filter.shareGroup == nil { return .string(text) }
            fail(node, key, "\"\(text)\" is a shared subscription; expected a room or filter such as sensors/+")
        } catch {
            fail(node, key, "\(error)")
        }
        return nil
    }

    private mutating func number(_ node: Node, _ range: ClosedRange<Double>, _ key: String) -> JSONValue? {
        guard let value = Self.digits(of: node).flatMap({ Double($0) }), range.contains(value) else {
            let bounds = " from \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
            fail(node, key, "expected a number\(range.upperBound == .greatestFiniteMagnitude ? "" : bounds)")
            return nil
        }
        return .number(value)
    }

    private mutating func integer(_ node: Node, _ range: ClosedRange<Int>, _ key: String) -> JSONValue? {
        guard let value = Self.digits(of: node).flatMap({ Int($0) }), range.contains(value) else {
            fail(node, key, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return .number(Double(value))
    }

    private mutating func word(_ node: Node, _ words: [String], _ key: String) -> JSONValue? {
        guard let word = node.scalar?.string, words.contains(word) else {
            fail(node, key, "expected one of \(words.joined(separator: ", "))")
            return nil
        }
        return .string(word)
    }

    private mutating func list(
        _ node: Node, _ element: Schema, _ count: ClosedRange<Int>, _ unique: Bool, _ key: String
    ) -> JSONValue? {
        guard let sequence = node.sequence, count.contains(sequence.count) else {
            fail(node, key, "expected a list of \(count.lowerBound) to \(count.upperBound) elements")
            return nil
        }
        var values: [JSONValue] = []
        for (index, child) in sequence.enumerated() {
            guard let value = translate(child, as: element, key: "\(key)[\(index)]") else { continue }
            if unique, values.contains(value) {
                fail(child, "\(key)[\(index)]", "duplicate element")
            }
            values.append(value)
        }
        return .array(values)
    }

    private mutating func dictionary(_ node: Node, _ value: Schema, _ key: String) -> JSONValue? {
        guard let mapping = node.mapping else {
            fail(node, key, "expected a mapping")
            return nil
        }
        var members: [JSONMember] = []
        for (nameNode, child) in mapping {
            guard let name = nameNode.scalar?.string else {
                fail(nameNode, key, "expected text as the keys of this mapping")
                continue
            }
            if let value = translate(child, as: value, key: "\(key).\(name)") {
                members.append(JSONMember(name: name, value: value))
            }
        }
        return .object(members)
    }

    private mutating func object(
        _ node: Node, _ fields: [Schema.Field], _ rules: [SchemaRule], _ key: String
    ) -> JSONValue? {
        let known = fields.map(\.name).joined(separator: ", ")
        guard let mapping = node.mapping else {
            fail(node, key, "expected a mapping; allowed keys: \(known)")
            return nil
        }
        let prefix = key.isEmpty ? "" : "\(key)."
        for (name, _) in mapping where !fields.contains(where: { $0.name == name.scalar?.string }) {
            fail(name, prefix + (name.scalar?.string ?? "?"), "unknown key; allowed: \(known)")
        }
        var members: [JSONMember] = []
        var unusable: Set<String> = []
        for field in fields {
            let problemCount = problems.count
            if let child = mapping[Node(field.name)] {
                if let value = translate(child, as: field.schema, key: prefix + field.name) {
                    members.append(JSONMember(name: field.name, value: value))
                }
            } else if field.isRequired {
                fail(node, prefix + field.name, "required key is missing")
            }
            if problems.count > problemCount { unusable.insert(field.name) }
        }
        let object = JSONValue.object(members)
        for rule in rules where unusable.isDisjoint(with: rule.keys) {
            for violation in rule.check(object) { fail(node, key, violation) }
        }
        return object
    }

    /// Records a violation for the value at the end of its path, starting at an object's node.
    private mutating func fail(_ object: Node, _ key: String, _ violation: SchemaRule.Violation) {
        var (node, key) = (object, key)
        for step in violation.path {
            switch step {
            case .key(let name):
                node = node.mapping?[Node(name)] ?? node
                key += key.isEmpty ? name : ".\(name)"
            case .index(let index):
                if let sequence = node.sequence, sequence.indices.contains(index) { node = sequence[index] }
                key += "[\(index)]"
            }
        }
        fail(node, key, violation.problem)
    }

    /// Returns the text of an unquoted decimal number. Excludes quoted text, `.inf` and `0x10`.
    private static func digits(of node: Node) -> String? {
        guard let scalar = node.scalar, scalar.style == .plain,
            scalar.string.allSatisfy({ "0123456789+-.eE".contains($0) })
        else { return nil }
        return scalar.string
    }

    private static func text(_ number: Double) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(number, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
