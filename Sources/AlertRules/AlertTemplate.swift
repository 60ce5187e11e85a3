package import Core

/// A template for notification texts with placeholders: `{device}: {metric} is {value} {unit}`.
package struct AlertTemplate: Sendable, Equatable {
    /// The placeholders that a template may contain.
    package enum Placeholder: String, Sendable, CaseIterable {
        case device, room, metric, value, unit, rule, title, condition, severity
    }

    private enum Part: Sendable, Equatable {
        case text(String)
        case placeholder(Placeholder)
    }

    /// The maximum length of a template in UTF-8 bytes.
    package static let maximumByteCount = 1000

    /// The default template: `{device}: {metric} is {value} {unit} ({condition})`.
    package static let standard = AlertTemplate(parts: [
        .placeholder(.device), .text(": "), .placeholder(.metric), .text(" is "), .placeholder(.value), .text(" "),
        .placeholder(.unit), .text(" ("), .placeholder(.condition), .text(")"),
    ])

    private let parts: [Part]

    private init(parts: [Part]) {
        self.parts = parts
    }

    /// Parses a template. `{{` and `}}` stand for literal braces.
    package init(_ text: String) throws(InvalidText) {
        guard (1...Self.maximumByteCount).contains(text.utf8.count) else {
            throw InvalidText("the text has \(text.utf8.count) bytes; allowed: 1 to \(Self.maximumByteCount)")
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
                    throw InvalidText("unclosed {; write {{ for a literal brace")
                }
                let name = rest[rest.index(after: rest.startIndex)..<end]
                guard let placeholder = Placeholder(rawValue: String(name)) else {
                    let known = Placeholder.allCases.map { "{\($0.rawValue)}" }.joined(separator: ", ")
                    throw InvalidText("unknown placeholder {\(name.prefix(64))}; allowed: \(known)")
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

    /// Returns the text with all placeholders replaced. The space before an empty value is dropped.
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
