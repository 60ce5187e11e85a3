import Foundation

/// A parser for environment variables that follows the rules of the OpenTelemetry specification and collects all
/// mistakes.
///
/// An empty variable counts as unset. An invalid value is recorded in ``mistakes`` and replaced by the default. After
/// the last variable, the caller throws one ``OTLPError`` for all mistakes.
///
/// Source: OpenTelemetry specification, "Environment Variable Specification", Parsing empty value and Type-specific
/// guidance. The specification treats an invalid value as a warning. Here it prevents the start, as for all other
/// settings.
struct EnvironmentReader {
    /// One hour, the maximum for delays and timeouts.
    private static let maxMilliseconds = 3_600_000

    private let variables: [String: String]
    private(set) var mistakes: [OTLPError.Mistake] = []

    init(_ variables: [String: String]) {
        self.variables = variables
    }

    /// Returns the first of `names` that is set, with its trimmed value.
    func first(of names: [String]) -> (name: String, value: String)? {
        for name in names {
            let value = (variables[name] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            if !value.isEmpty { return (name, value) }
        }
        return nil
    }

    func text(_ names: String...) -> String? { first(of: names)?.value }

    /// Records a mistake. Repetitions are ignored, because several signals may read the same variable. `value` is cut
    /// to 100 characters for the log.
    mutating func reject(_ name: String, _ value: String?, allowed: String) {
        let mistake = OTLPError.Mistake(
            variable: name, value: value.map { String($0.prefix(100)) }, allowed: allowed)
        if !mistakes.contains(mistake) { mistakes.append(mistake) }
    }

    /// Reads a Boolean: `true` or `false` in any case. The default is false.
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

    /// Reads a delay or interval in milliseconds.
    mutating func delay(_ name: String, from minimum: Int = 0) -> Duration? {
        number([name], in: minimum...Self.maxMilliseconds, unit: " milliseconds").map { .milliseconds($0) }
    }

    /// Reads a timeout in milliseconds. 0 means *no limit*, which is one hour here.
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

    /// Reads one of the raw values of `Choice`, in any case.
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
