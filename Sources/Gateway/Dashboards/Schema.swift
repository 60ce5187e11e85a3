import Core
import Telemetry
import YAML

/// The allowed content of a YAML value: types, ranges and rules. One schema drives both the validation of a file and its
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
    case object([Field], rules: [Rule])

    /// A key of an object.
    struct Field: Sendable {
        var name: String
        var schema: Schema
        var isRequired = false
    }

    /// A constraint between the values of an object.
    struct Rule: Sendable {
        /// The keys that the rule reads. The rule is skipped when one of them is invalid or a required one is missing,
        /// because that problem is already reported.
        var keys: [String]
        /// Reports violations to the values in `place`, the object's own.
        var check: @Sendable (_ object: JSONValue, _ place: YAMLValue) -> Void
    }

    /// The allowed values in words, for the message about a missing key.
    private var allowed: String {
        switch self {
        case .text(let count): ValueFormat.text(characters: count).allowed
        case .roomFilter: "a room or filter such as sensors/+"
        case .number(let range): ValueFormat.number(in: range).allowed
        case .integer(let range): ValueFormat.integer(in: range).allowed
        case .word(let words): words.joined(separator: ", ")
        case .list(_, let count, _): "a list of \(count.lowerBound) to \(count.upperBound) elements"
        case .dictionary: "a mapping"
        case .object(let fields, _): "a mapping with the keys \(fields.map(\.name).joined(separator: ", "))"
        }
    }

    /// Returns the value as JSON; `nil` when it is invalid. Leaves out invalid children and reports their problems.
    func json(of value: YAMLValue) -> JSONValue? {
        switch self {
        case .text(let count): value.read(.text(characters: count)).map(JSONValue.string)
        case .roomFilter: value.parse(allowed, Self.roomFilter)
        case .number(let range): value.read(.number(in: range)).map(JSONValue.number)
        case .integer(let range): value.read(.integer(in: range)).map { .number(Double($0)) }
        case .word(let words): value.read(.choice(words.map { ($0, .string($0)) }))
        case .list(let element, let count, let isUnique): Self.list(value, of: element, count, isUnique)
        case .dictionary(let element): Self.dictionary(value, of: element)
        case .object(let fields, let rules): Self.object(value, allowed, fields, rules)
        }
    }

    private static func roomFilter(_ text: String) throws -> JSONValue {
        guard try TopicFilter(text).shareGroup == nil else {
            throw InvalidText(
                "\"\(text)\" is a shared subscription; expected a room or filter such as sensors/+")
        }
        return .string(text)
    }

    private static func list(
        _ value: YAMLValue, of element: Schema, _ count: ClosedRange<Int>, _ isUnique: Bool
    ) -> JSONValue? {
        guard let list = value.list(count) else { return nil }
        var elements: [JSONValue] = []
        for child in list {
            guard let json = element.json(of: child) else { continue }
            if isUnique, elements.contains(json) { child.fail("duplicate element") }
            elements.append(json)
        }
        return .array(elements)
    }

    private static func dictionary(_ value: YAMLValue, of element: Schema) -> JSONValue? {
        guard let mapping = value.mapping() else { return nil }
        return .object(
            mapping.entries.compactMap { entry in
                element.json(of: entry.value).map { JSONMember(name: entry.name, value: $0) }
            })
    }

    private static func object(
        _ value: YAMLValue, _ allowed: String, _ fields: [Field], _ rules: [Rule]
    ) -> JSONValue? {
        guard let mapping = value.mapping(allowed) else { return nil }
        var members: [JSONMember] = []
        var unusable: Set<String> = []
        for field in fields {
            let problemCount = value.document.problems.count
            let child = field.isRequired ? mapping.required(field.name, field.schema.allowed) : mapping[field.name]
            if let json = child.flatMap({ field.schema.json(of: $0) }) {
                members.append(JSONMember(name: field.name, value: json))
            }
            if value.document.problems.count > problemCount { unusable.insert(field.name) }
        }
        for rule in rules where unusable.isDisjoint(with: rule.keys) { rule.check(.object(members), value) }
        return .object(members)
    }
}
