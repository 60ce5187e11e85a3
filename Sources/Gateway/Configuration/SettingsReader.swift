import Configuration
import Foundation

/// Reads settings from file, environment and flags, in that rising order, and parses them with errors that say where
/// the value stands and what is allowed.
///
/// Collects the errors of all settings; ``finish()`` throws them together.
struct SettingsReader {
    private let reader: ConfigReader
    private let file: ConfigurationFile?
    private let environment: [String: String]
    private let flags: [String: String]
    private(set) var errors: [ConfigurationError] = []

    /// - Parameter flags: Values by option key.
    init(file: ConfigurationFile?, environment: [String: String], flags: [String: String]) {
        self.file = file
        self.environment = environment
        self.flags = flags
        reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Self.values(flags)),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "windsock"),
            InMemoryProvider(name: "file", values: Self.values(file?.scalars.mapValues(\.text) ?? [:])),
        ])
    }

    /// Where an option's value comes from: the flag, the variable, the file's line, or the default.
    func origin(of option: ConfigurationOption) -> String {
        if flags[option.key] != nil { return option.flagName }
        if environment[option.environmentName] != nil { return option.environmentName }
        if file?.scalars[option.key] != nil { return file?.origin(of: option.key) ?? option.key }
        return "default"
    }

    /// The text of an option, or its default; empty text counts as not set.
    func text(_ option: ConfigurationOption) -> String? {
        let key = ConfigKey(option.key.split(separator: ".").map(String.init))
        let text = reader.string(forKey: key, isSecret: option.isSecret)?.trimmingCharacters(in: .whitespaces)
        if let text, !text.isEmpty { return text }
        return option.defaultValue
    }

    /// A whole number in a range.
    mutating func integer(_ option: ConfigurationOption, in range: ClosedRange<Int>) -> Int {
        let text = text(option) ?? ""
        if let value = Int(text), range.contains(value) { return value }
        return fail(
            option, "\"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound).",
            instead: range.lowerBound)
    }

    /// A duration such as `500ms`, `10s`, `5m`, `1h` or `7d`, in a range.
    mutating func duration(_ option: ConfigurationOption, in range: ClosedRange<Duration>) -> Duration {
        let text = text(option) ?? ""
        guard let value = DurationText.parse(text) else {
            return fail(
                option, "\"\(text)\" is not a duration such as 500ms, 10s, 5m, 1h or 7d.", instead: range.lowerBound)
        }
        guard range.contains(value) else {
            return fail(
                option,
                "\(text) is outside of \(DurationText.format(range.lowerBound)) to "
                    + "\(DurationText.format(range.upperBound)).",
                instead: range.lowerBound)
        }
        return value
    }

    /// One of a few words.
    mutating func choice<Value>(_ option: ConfigurationOption, _ choices: [(String, Value)], fallback: Value) -> Value {
        let text = text(option) ?? ""
        if let choice = choices.first(where: { $0.0 == text }) { return choice.1 }
        let allowed = choices.map(\.0).joined(separator: ", ")
        return fail(option, "\"\(text)\" is not one of \(allowed).", instead: fallback)
    }

    /// A secret, given itself or by the file that holds it. The file's last line break is not part of it.
    mutating func secret(_ option: ConfigurationOption, file fileOption: ConfigurationOption) -> String? {
        if let value = text(option) { return value }
        guard let path = text(fileOption) else { return nil }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            return fail(fileOption, "The file \(path) cannot be read.", instead: nil)
        }
        let secret = text.trimmingCharacters(in: .newlines)
        guard !secret.isEmpty else { return fail(fileOption, "The file \(path) is empty.", instead: nil) }
        return secret
    }

    /// Records that an option's value cannot be used.
    @discardableResult
    mutating func fail<Value>(_ option: ConfigurationOption, _ problem: String, instead: Value) -> Value {
        let origin = origin(of: option)
        errors.append(
            ConfigurationError(origin: origin == "default" ? option.environmentName : origin, problem: problem))
        return instead
    }

    /// Records an error that has its own origin.
    mutating func record(_ error: ConfigurationError) {
        errors.append(error)
    }

    /// Throws what was found.
    func finish() throws(ConfigurationErrors) {
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    }

    private static func values(_ texts: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, text) in texts {
            values[AbsoluteConfigKey(key.split(separator: ".").map(String.init))] = ConfigValue(
                .string(text), isSecret: false)
        }
        return values
    }
}
