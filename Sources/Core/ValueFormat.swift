/// The notation of a value in a file, an environment variable or a flag, and the values that are allowed.
///
///     ValueFormat.integer(in: 1...100).parse("7")            // 7
///     ValueFormat.integer(in: 1...100).problem(with: "0")    // "0" is not valid; allowed: a whole number from 1 to 100
package struct ValueFormat<Value> {
    /// The allowed values in words, for error messages.
    package let allowed: String
    /// True for numbers, `true` and `false`, which some YAML files may not have in quotes.
    package let isUnquoted: Bool
    /// Returns `nil` for a text that is not allowed.
    package let parse: (String) -> Value?

    package init(_ allowed: String, isUnquoted: Bool = false, parse: @escaping (String) -> Value?) {
        self.allowed = allowed
        self.isUnquoted = isUnquoted
        self.parse = parse
    }

    /// Returns the error message for a text that is not allowed. It contains the text, so use it only for values that
    /// are no secrets.
    package func problem(with text: String) -> String {
        let head = text.unicodeScalars.prefix(60)
        let excerpt = String(String.UnicodeScalarView(head)) + (head.endIndex == text.endIndex ? "" : "…")
        return "\(excerpt.debugDescription) is not valid; allowed: \(allowed)"
    }
}

extension ValueFormat<String> {
    /// Any text, or one that `isAllowed` accepts.
    package static func text(_ allowed: String = "text", where isAllowed: @escaping (String) -> Bool = { _ in true })
        -> Self
    {
        Self(allowed) { isAllowed($0) ? $0 : nil }
    }

    package static func text(characters count: ClosedRange<Int>) -> Self {
        text("text of \(count.lowerBound) to \(count.upperBound) characters") { count.contains($0.count) }
    }

    package static func text(bytes count: ClosedRange<Int>) -> Self {
        text("text of \(count.lowerBound) to \(count.upperBound) bytes") { count.contains($0.utf8.count) }
    }
}

/// Removes the underscores between digits that YAML 1.1 allows, as in `10_000`.
private func withoutSeparators(_ text: String) -> String {
    let bytes = Array(text.utf8)
    func isDigit(_ index: Int) -> Bool {
        bytes.indices.contains(index) && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
    }
    let isValid = bytes.indices.allSatisfy { index in
        bytes[index] != UInt8(ascii: "_") || isDigit(index - 1) && isDigit(index + 1)
    }
    return isValid ? text.replacing("_", with: "") : text
}

extension ValueFormat<Int> {
    package static func integer(in range: ClosedRange<Int>) -> Self {
        Self("a whole number from \(range.lowerBound) to \(range.upperBound)", isUnquoted: true) { text in
            Int(withoutSeparators(text)).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueFormat<Double> {
    /// A finite decimal number, with or without an exponent.
    package static func number(
        in range: ClosedRange<Double> = -.greatestFiniteMagnitude ... .greatestFiniteMagnitude
    ) -> Self {
        Self(words(for: range), isUnquoted: true) { text in
            let text = withoutSeparators(text)
            // Excludes the words and hexadecimal digits that `Double` also accepts.
            guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }) else { return nil }
            return Double(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    private static func words(for range: ClosedRange<Double>) -> String {
        func text(_ number: Double) -> String {
            var bytes: [UInt8] = []
            JSONWriter.append(number, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        switch (range.lowerBound, range.upperBound) {
        case (-.greatestFiniteMagnitude, .greatestFiniteMagnitude): return "a number"
        case (let low, .greatestFiniteMagnitude): return "a number of at least \(text(low))"
        case (let low, let high): return "a number from \(text(low)) to \(text(high))"
        }
    }
}

extension ValueFormat<Duration> {
    package static func duration(in range: ClosedRange<Duration>) -> Self {
        let bounds = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return Self("a duration from \(bounds), such as 500ms, 10s, 5m, 1h or 7d") { text in
            DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueFormat<Bool> {
    /// `true` or `false`.
    package static var bool: Self {
        Self("true or false", isUnquoted: true) { text in
            switch text {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }
}

extension ValueFormat {
    /// One of the given words, each with the value that it stands for.
    package static func choice(_ choices: [(String, Value)]) -> Self {
        Self(choices.map(\.0).joined(separator: ", ")) { text in choices.first { $0.0 == text }?.1 }
    }
}

extension ValueFormat where Value: RawRepresentable<String> & CaseIterable {
    /// One of the raw values of a type.
    package static func choice(of type: Value.Type = Value.self) -> Self {
        choice(Value.allCases.map { ($0.rawValue, $0) })
    }
}
