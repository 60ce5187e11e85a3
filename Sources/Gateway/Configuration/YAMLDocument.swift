import Yams

/// Parses YAML for readers that check its nodes themselves.
enum YAMLDocument {
    /// The root node; `nil` when the text holds nothing.
    ///
    /// Throws ``ConfigurationErrors`` with file and line. Yams' own descriptions are not passed on: they quote the
    /// text, and a configuration holds secrets.
    static func root(of yaml: String, path: String) throws(ConfigurationErrors) -> Node? {
        do {
            return try Yams.compose(yaml: yaml)
        } catch {
            let (line, problem) = describe(error as? YamlError)
            let origin = line.map { "\(path):\($0)" } ?? path
            throw ConfigurationErrors([ConfigurationError(origin: origin, problem: problem)])
        }
    }

    private static func describe(_ error: YamlError?) -> (line: Int?, problem: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            (mark.line, "This is not YAML: \(context.map { "\(problem) \($0.text)" } ?? problem).")
        case .duplicatedKeysInMapping(let keys, let context):
            (context.mark.line, "The key \(keys.joined(separator: ", ")) stands there twice.")
        case .reader(let problem, _, _, _): (nil, "This is not YAML: \(problem).")
        default: (nil, "This is not YAML.")
        }
    }
}
