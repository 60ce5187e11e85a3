/// A parsed JSON text (RFC 8259).
///
/// Objects keep their members in the text's order, because metrics are shown in the order in which a device sends
/// them. In a parsed object no name occurs twice.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// Always finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The value of the member of that name; `nil` when there is none, or when this is no object. Looks at every
    /// member: whoever asks for many names walks over the members once instead.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let name = ExactString(name)
        return members.first { ExactString($0.name) == name }?.value
    }

    /// The text of a string, else `nil`.
    package var stringValue: String? {
        if case .string(let string) = self { string } else { nil }
    }

    /// The value of a number, else `nil`.
    package var numberValue: Double? {
        if case .number(let number) = self { number } else { nil }
    }

    /// The value of a number that is whole and within ±2^53, where doubles are exact; else `nil`.
    package var integerValue: Int64? {
        guard case .number(let number) = self, number.magnitude <= 9_007_199_254_740_992 else { return nil }
        return Int64(exactly: number)
    }

    /// `true` or `false`, else `nil`.
    package var boolValue: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    /// The elements of an array, else `nil`.
    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object in the text's order, else `nil`.
    package var objectValue: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    package var isNull: Bool { self == .null }

    /// What this is, with its article, for messages: `a number`, `an object`, `null`.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Appends this value as compact JSON, members in their order.
    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: JSONWriter.append(raw: "null", to: &bytes)
        case .bool(let bool): JSONWriter.append(raw: bool ? "true" : "false", to: &bytes)
        case .number(let number): JSONWriter.append(number, to: &bytes)
        case .string(let string): JSONWriter.append(string, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONWriter.append(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}
