import Configuration
import Core
import Foundation

/// A reader of settings from file, environment and flags. Flags override the environment, which overrides the file.
///
/// It parses and validates values, and collects problems with the location of the value and the allowed values.
/// ``finish()`` throws all of them together.
struct SettingsReader {
    /// The source of a value, in ascending precedence.
    private enum Source: Int {
        case unset, file, environment, flag
    }

    private let reader: ConfigReader
    private let file: ConfigurationFile?
    private let environment: [String: String]
    private let flags: [String: String]
    private(set) var problems: [ConfigurationError.Problem] = []

    /// Creates a reader. Blank values count as not set.
    ///
    /// - Parameter flags: Values by option key.
    init(file: ConfigurationFile?, environment: [String: String], flags: [String: String]) {
        self.file = file
        self.environment = environment.filter { !Self.isBlank($0.value) }
        self.flags = flags.filter { !Self.isBlank($0.value) }
        let texts = (file?.scalars ?? [:]).mapValues(\.text).filter { !Self.isBlank($0.value) }
        reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Self.values(self.flags)),
            EnvironmentVariablesProvider(environmentVariables: self.environment).prefixKeys(with: "windsock"),
            InMemoryProvider(name: "file", values: Self.values(texts)),
        ])
    }

    /// Returns the origin of an option's value: the flag, the variable, the line of the file, or `default`.
    func origin(of option: ConfigurationOption) -> String {
        switch source(of: option) {
        case .flag: option.flagName
        case .environment: option.environmentName
        case .file: file?.origin(of: option.key) ?? option.key
        case .unset: "default"
        }
    }

    /// Returns the text of an option, or its default. Trims surrounding white space, except of secrets.
    func text(_ option: ConfigurationOption) -> String? {
        let key = ConfigKey(option.key.split(separator: ".").map(String.init))
        guard let text = reader.string(forKey: key, isSecret: option.isSecret) else { return option.defaultValue }
        return option.isSecret ? text : text.trimmingCharacters(in: .whitespaces)
    }

    /// Parses an integer. Records a problem and returns the lower bound when the text is invalid or out of range.
    mutating func integer(_ option: ConfigurationOption, in range: ClosedRange<Int>) -> Int {
        read(option, .integer(in: range), fallback: range.lowerBound)
    }

    /// Parses a duration such as `500ms`, `10s`, `5m`, `1h` or `7d`. Records a problem and returns the lower bound when
    /// the text is invalid or out of range.
    mutating func duration(_ option: ConfigurationOption, in range: ClosedRange<Duration>) -> Duration {
        read(option, .duration(in: range), fallback: range.lowerBound)
    }

    /// Parses one of the given words. Records a problem and returns `fallback` for any other text.
    mutating func choice<Value>(_ option: ConfigurationOption, _ choices: [(String, Value)], fallback: Value) -> Value {
        read(option, .choice(choices), fallback: fallback)
    }

    /// Parses `on` or `off`. Records a problem and returns false for any other text.
    mutating func flag(_ option: ConfigurationOption) -> Bool {
        choice(option, [("on", true), ("off", false)], fallback: false)
    }

    private mutating func read<Value>(
        _ option: ConfigurationOption, _ format: ValueFormat<Value>, fallback: Value
    ) -> Value {
        let text = text(option) ?? ""
        return format.parse(text) ?? fail(option, format.problem(with: text), instead: fallback)
    }

    /// Returns a secret that is set directly or by the path of a file, and the option that supplied it.
    ///
    /// The option from the source with higher precedence wins. Both in the same source is an error. A final line break
    /// of the file is not part of the secret.
    mutating func secret(
        _ option: ConfigurationOption, file fileOption: ConfigurationOption
    ) -> (value: String, option: ConfigurationOption)? {
        let (direct, indirect) = (source(of: option), source(of: fileOption))
        if direct == indirect, direct != .unset {
            return fail(fileOption, "\(option.key) is also set; allowed: only one of them", instead: nil)
        }
        if direct.rawValue > indirect.rawValue { return text(option).map { ($0, option) } }
        guard let path = text(fileOption) else { return nil }
        guard var secret = try? String(contentsOfFile: path, encoding: .utf8) else {
            return fail(fileOption, "the file \(path) cannot be read as UTF-8 text", instead: nil)
        }
        if secret.last?.isNewline == true { secret.removeLast() }
        guard !Self.isBlank(secret) else { return fail(fileOption, "the file \(path) is empty", instead: nil) }
        return (secret, fileOption)
    }

    /// Records a problem of an option's value and returns `instead`.
    @discardableResult
    mutating func fail<Value>(_ option: ConfigurationOption, _ problem: String, instead: Value) -> Value {
        let origin = origin(of: option)
        record(ConfigurationError(origin: origin == "default" ? option.environmentName : origin, problem: problem))
        return instead
    }

    /// Records problems that have an origin of their own.
    mutating func record(_ error: ConfigurationError) {
        problems += error.problems
    }

    /// Throws the recorded problems, if any.
    func finish() throws(ConfigurationError) {
        guard problems.isEmpty else { throw ConfigurationError(problems) }
    }

    private func source(of option: ConfigurationOption) -> Source {
        if flags[option.key] != nil { return .flag }
        if environment[option.environmentName] != nil { return .environment }
        if let scalar = file?.scalars[option.key], !Self.isBlank(scalar.text) { return .file }
        return .unset
    }

    private static func isBlank(_ text: String) -> Bool {
        text.allSatisfy(\.isWhitespace)
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
