import Foundation

/// Reads environment variables as the specification wants them read, and remembers every mistake.
///
/// An empty variable counts as not set. What cannot be read becomes a mistake and the default: the caller throws
/// at the end.
///
/// Source: OpenTelemetry specification, "Environment Variable Specification", Parsing empty value and Type-specific
/// guidance. There a bad value is a warning; here it stops the start, as every other setting's does.
struct EnvironmentReader {
    /// An hour: longer delays and timeouts are mistakes.
    private static let maxMilliseconds = 3_600_000

    private let variables: [String: String]
    private(set) var mistakes: [OTLPConfigurationError.Mistake] = []

    init(_ variables: [String: String]) {
        self.variables = variables
    }

    /// The first of `names` that is set, and its value without white space around it.
    func first(of names: [String]) -> (name: String, value: String)? {
        for name in names {
            let value = (variables[name] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            if !value.isEmpty { return (name, value) }
        }
        return nil
    }

    func text(_ names: String...) -> String? { first(of: names)?.value }

    /// Remembers a mistake once, though three signals may ask for the variable; the value is cut to what a line in a
    /// log can bear.
    mutating func reject(_ name: String, _ value: String?, allowed: String) {
        let mistake = OTLPConfigurationError.Mistake(
            variable: name, value: value.map { String($0.prefix(100)) }, allowed: allowed)
        if !mistakes.contains(mistake) { mistakes.append(mistake) }
    }

    /// Only `true` is true, whatever its case; `false` may be said.
    mutating func flag(_ name: String) -> Bool {
        guard let (name, value) = first(of: [name]) else { return false }
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        default:
            reject(name, value, allowed: "true or false")
            return false
        }
    }

    mutating func count(_ names: String..., in range: ClosedRange<Int>) -> Int? {
        number(names, in: range, unit: "")
    }

    /// A time between two things, in milliseconds.
    mutating func delay(_ name: String, from minimum: Int = 0) -> Duration? {
        number([name], in: minimum...Self.maxMilliseconds, unit: " milliseconds").map { .milliseconds($0) }
    }

    /// How long something may take, in milliseconds; 0 is for *no limit*, which here is an hour.
    mutating func timeout(_ names: [String]) -> Duration? {
        number(names, in: 0...Self.maxMilliseconds, unit: " milliseconds").map {
            .milliseconds($0 == 0 ? Self.maxMilliseconds : $0)
        }
    }

    private mutating func number(_ names: [String], in range: ClosedRange<Int>, unit: String) -> Int? {
        guard let (name, value) = first(of: names) else { return nil }
        if let number = Int(value), range.contains(number) { return number }
        reject(name, value, allowed: "a whole number\(unit) from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    /// One of a few words, whatever their case.
    mutating func choice<Choice>(
        _ names: [String], hint: (String) -> String? = { _ in nil }
    ) -> Choice? where Choice: RawRepresentable<String> & CaseIterable {
        guard let (name, value) = first(of: names) else { return nil }
        if let choice = Choice(rawValue: value.lowercased()) { return choice }
        let words = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        reject(name, value, allowed: words + (hint(value.lowercased()).map { " (\($0))" } ?? ""))
        return nil
    }
}
