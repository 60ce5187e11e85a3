/// What a YAML node may hold: a small language of types, ranges and rules, in which a file's format is written down
/// once and both checked and translated from.
indirect enum Schema: Sendable {
    /// Text of that many characters.
    case text(ClosedRange<Int>)
    /// A topic filter, or a room's name.
    case roomFilter
    case number(ClosedRange<Double>)
    case integer(ClosedRange<Int>)
    case word([String])
    /// A list of that many elements; `unique` ones differ from each other.
    case list(Schema, count: ClosedRange<Int>, unique: Bool)
    /// Any keys, all with the same kind of value.
    case dictionary(Schema)
    /// Known keys only, and rules between them.
    case object([Field], rules: [SchemaRule])

    /// A key of an object.
    struct Field: Sendable {
        var name: String
        var schema: Schema
        var isRequired = false
    }
}
