/// What people are told, with places for what is known: `{device}: {metric} is {value} {unit}`.
package struct AlertTemplate: Sendable, Equatable {
    /// What can stand in a template.
    package enum Placeholder: String, Sendable, CaseIterable {
        case device, room, metric, value, unit, rule, title, condition, severity
    }

    /// A template that cannot be used; says why.
    package struct Mistake: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    private enum Part: Sendable, Equatable {
        case text(String)
        case placeholder(Placeholder)
    }

    /// The most bytes of UTF-8 that a template may have.
    package static let maximumByteCount = 1000

    /// What is told where a rule has no text of its own.
    package static let standard = AlertTemplate(parts: [
        .placeholder(.device), .text(": "), .placeholder(.metric), .text(" is "), .placeholder(.value), .text(" "),
        .placeholder(.unit), .text(" ("), .placeholder(.condition), .text(")"),
    ])

    private let parts: [Part]

    private init(parts: [Part]) {
        self.parts = parts
    }

    /// Parses a template; `{{` and `}}` are braces.
    package init(_ text: String) throws(Mistake) {
        guard (1...Self.maximumByteCount).contains(text.utf8.count) else {
            throw Mistake(description: "A message has 1 to \(Self.maximumByteCount) bytes.")
        }
        var parts: [Part] = []
        var plain = ""
        var rest = text[...]
        while let next = rest.first {
            if rest.hasPrefix("{{") || rest.hasPrefix("}}") {
                plain.append(next)
                rest = rest.dropFirst(2)
            } else if next == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Mistake(description: "A { is not closed; {{ is a brace.")
                }
                let name = rest[rest.index(after: rest.startIndex)..<end]
                guard let placeholder = Placeholder(rawValue: String(name)) else {
                    let known = Placeholder.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", ")
                    throw Mistake(description: "There is no {\(name.prefix(64))}; known are \(known).")
                }
                if !plain.isEmpty { parts.append(.text(plain)) }
                plain = ""
                parts.append(.placeholder(placeholder))
                rest = rest[rest.index(after: end)...]
            } else {
                plain.append(next)
                rest = rest.dropFirst()
            }
        }
        if !plain.isEmpty { parts.append(.text(plain)) }
        self.parts = parts
    }

    /// The text with every place filled; white space that an empty place leaves goes.
    func text(_ value: (Placeholder) -> String) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let plain): text += plain
            case .placeholder(let placeholder):
                let filled = value(placeholder)
                if filled.isEmpty, text.last == " " { text.removeLast() }
                text += filled
            }
        }
        return text
    }
}
