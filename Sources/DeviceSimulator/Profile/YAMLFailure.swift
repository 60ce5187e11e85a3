import Yams

/// What the YAML parser has to say, in a line.
enum YAMLFailure {
    /// The line that an error is about, when it names one, and what is wrong.
    static func describe(_ error: YamlError) -> (line: Int?, message: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            (mark.line, (context.map { "\(problem) \($0.text)" } ?? problem) + hint(problem))
        case .duplicatedKeysInMapping(let duplicates, let context):
            (context.mark.line, "the key \(duplicates.joined(separator: ", ")) stands there twice")
        case .reader(let problem, _, _, _): (nil, problem)
        default: (nil, "\(error)")
        }
    }

    /// What most often is the matter when a mapping in braces does not end: a topic's `{device}` inside of it.
    private static func hint(_ problem: String) -> String {
        problem.contains("'}'") ? "; a text with { } inside of { } needs quotes" : ""
    }
}
