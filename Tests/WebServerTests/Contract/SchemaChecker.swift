import TestSupport

/// A validator for the JSON Schema keywords that the contract's documents use (JSON Schema 2020-12).
struct SchemaChecker {
    /// The document against which references are resolved.
    let document: JSON

    /// Returns the violations in a value, each with its location. Empty when the value conforms.
    func faults(in value: JSON, against schema: JSON, at place: String = "$") -> [String] {
        if let reference = schema["$ref"]?.string {
            guard let target = resolve(reference) else { return ["\(place): no \(reference)"] }
            return faults(in: value, against: target, at: place)
        }
        var faults: [String] = []
        if let constant = schema["const"], constant != value { faults.append("\(place) is \(value), not \(constant)") }
        if let choices = schema["enum"]?.array, !choices.contains(value) {
            faults.append("\(place) is \(value), none of \(choices)")
        }
        if let type = schema["type"]?.string, !Self.isOf(type, value) { return faults + ["\(place) is no \(type)"] }
        if let minimum = schema["minimum"]?.number, let number = value.number, number < minimum {
            faults.append("\(place) is below \(minimum)")
        }
        if let length = schema["minLength"]?.number, let text = value.string, Double(text.count) < length {
            faults.append("\(place) is too short")
        }
        if schema["format"]?.string == "date-time", let text = value.string, text.count != 24 || !text.hasSuffix("Z") {
            faults.append("\(place) is no time: \(text)")
        }
        if let items = schema["items"], let elements = value.array {
            for (index, element) in elements.enumerated() {
                faults += self.faults(in: element, against: items, at: "\(place)[\(index)]")
            }
        }
        return faults + memberFaults(of: value, schema, place)
    }

    /// Resolves `#/a/b` from the document's root.
    func resolve(_ reference: String) -> JSON? {
        var value: JSON? = document
        for name in reference.dropFirst(2).split(separator: "/") {
            value = value?[String(name).replacing("~1", with: "/").replacing("~0", with: "~")]
        }
        return value
    }

    private func memberFaults(of value: JSON, _ schema: JSON, _ place: String) -> [String] {
        guard let members = value.object else { return [] }
        var faults: [String] = []
        for name in (schema["required"]?.array ?? []).compactMap(\.string) where members[name] == nil {
            faults.append("\(place).\(name) is missing")
        }
        let properties = schema["properties"]?.object ?? [:]
        for (name, member) in members {
            if let known = properties[name] {
                faults += self.faults(in: member, against: known, at: "\(place).\(name)")
            } else if schema["additionalProperties"]?.bool == false {
                faults.append("\(place).\(name) is not documented")
            } else if let others = schema["additionalProperties"], others.object != nil {
                faults += self.faults(in: member, against: others, at: "\(place).\(name)")
            }
        }
        return faults
    }

    private static func isOf(_ type: String, _ value: JSON) -> Bool {
        switch type {
        case "string": value.string != nil
        case "number": value.number != nil
        case "integer": value.number.map { $0 == $0.rounded() } ?? false
        case "boolean": value.bool != nil
        case "array": value.array != nil
        case "object": value.object != nil
        default: false
        }
    }
}
