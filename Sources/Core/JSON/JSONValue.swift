/// A parsed JSON value (RFC 8259).
///
/// Objects keep their members in source order, because metrics are shown in the order in which a device sends them. A
/// parsed object contains no duplicate names.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// Always finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// The value of the named member; `nil` if there is none or this is not an object. The search is linear: to look up
    /// many names, iterate over the members once instead.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let name = ExactString(name)
        return members.first { ExactString($0.name) == name }?.value
    }

    /// The text if this is a string, else `nil`.
    package var stringValue: String? {
        if case .string(let string) = self { string } else { nil }
    }

    /// The value if this is a number, else `nil`.
    package var numberValue: Double? {
        if case .number(let number) = self { number } else { nil }
    }

    /// The value if this is a whole number within ±2^53, the range in which doubles are exact; else `nil`.
    package var integerValue: Int64? {
        guard case .number(let number) = self, number.magnitude <= 9_007_199_254_740_992 else { return nil }
        return Int64(exactly: number)
    }

    /// The value if this is `true` or `false`, else `nil`.
    package var boolValue: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    /// The elements if this is an array, else `nil`.
    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members in source order if this is an object, else `nil`.
    package var objectValue: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// True for JSON `null`.
    package var isNull: Bool { self == .null }

    /// The kind of value with its article, for error messages: `a number`, `an object`, `null`.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// Appends this value as compact JSON, with members in their order.
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

/// A name and its value in a JSON object.
package struct JSONMember: Hashable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
