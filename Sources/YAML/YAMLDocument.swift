package import Core
import Foundation
import Yams

/// A YAML file that is being read, and the problems found in it.
///
/// Readers go from the root to its keys by ``YAMLValue`` and ``YAMLMapping``. These report a problem for every invalid
/// value and return `nil`, so that the reader goes on and the user sees all problems at once:
///
///     let document = try YAMLDocument(contentsOf: "probe.yaml")
///     let fields = try document.requiredRoot().mapping()
///     let name = fields?.required("name", .text())
///     let count = fields?.read("count", .integer(in: 1...100)) ?? 1
///     try document.finish()
///
/// A class, because nested values report to the same list. It is used only within the call that creates it, so it needs
/// no lock.
package final class YAMLDocument {
    /// The path as the user gave it.
    package let path: String
    /// True when numbers may be in quotes.
    package var acceptsQuotedNumbers = true
    /// The problems found so far.
    package private(set) var problems: [ConfigurationError.Problem] = []

    private let node: Node?
    /// The mappings that were opened. They retain this object in turn, until ``finish()`` drops them.
    private var mappings: [YAMLMapping] = []

    /// Reads and parses a file.
    ///
    /// - Throws: ``ConfigurationError`` when the file cannot be read, is larger than `maxBytes`, or is not valid YAML.
    package convenience init(contentsOf path: String, maxBytes: Int? = nil) throws(ConfigurationError) {
        let problem: String
        if let data = Self.data(of: path, maxBytes: maxBytes) {
            if let maxBytes, data.count > maxBytes {
                problem = "the file is too large; allowed: at most \(maxBytes) bytes"
            } else if let text = String(data: data, encoding: .utf8) {
                try self.init(path: path, text: text)
                return
            } else {
                problem = "the file is not valid UTF-8"
            }
        } else {
            problem = "the file cannot be read"
        }
        throw ConfigurationError(origin: path, problem: problem)
    }

    /// Parses the text of a file.
    ///
    /// - Throws: ``ConfigurationError`` with the line, but without the text around it, which may be a secret.
    package init(path: String, text: String) throws(ConfigurationError) {
        self.path = path
        do {
            let root = try Yams.compose(yaml: text)
            node = root.flatMap { $0.isEmpty ? nil : $0 }
        } catch {
            let (line, problem) = Self.describe(error as? YamlError, in: text)
            throw ConfigurationError(origin: path, line: line, problem: problem)
        }
    }

    /// The value that the file consists of; `nil` for a file without content.
    package var root: YAMLValue? { node.map { YAMLValue(node: $0, key: "", document: self) } }

    /// Returns the value that the file consists of.
    ///
    /// - Throws: ``ConfigurationError`` when the file has no content.
    package func requiredRoot() throws(ConfigurationError) -> YAMLValue {
        guard let root else { throw ConfigurationError(origin: path, problem: "the file is empty") }
        return root
    }

    /// Reports a problem of the whole file.
    package func fail(_ message: String) {
        problems.append(ConfigurationError.Problem(origin: path, message: message))
    }

    /// Reports the problems of another file that this one names.
    package func fail(_ error: ConfigurationError) {
        problems += error.problems
    }

    /// Reports every key that nothing has asked for, and ends the reading.
    ///
    /// - Throws: ``ConfigurationError`` with all problems in the order of lines, if there are any.
    package func finish() throws(ConfigurationError) {
        for mapping in mappings { mapping.reportUnknownKeys() }
        mappings = []
        guard problems.isEmpty else {
            throw ConfigurationError(problems.sorted { ($0.line ?? 0) < ($1.line ?? 0) })
        }
    }

    /// Returns the `*.yaml` and `*.yml` files of a folder, sorted by name; `nil` when it cannot be read. Skips hidden
    /// files, which editors create.
    package static func files(in folder: String) -> [String]? {
        let folder = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        return try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "/" : folder).sorted()
            .filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
            .map { "\(folder)/\($0)" }
    }

    func fail(_ message: String, at node: Node, key: String) {
        problems.append(
            ConfigurationError.Problem(
                origin: path, line: node.mark?.line, key: key.isEmpty ? nil : key, message: message))
    }

    func add(_ mapping: YAMLMapping) {
        mappings.append(mapping)
    }

    /// Reads at most one byte more than `maxBytes`, which is enough to detect a larger file.
    private static func data(of path: String, maxBytes: Int?) -> Data? {
        // Opening a named pipe without a writer would block.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        _ = fcntl(descriptor, F_SETFL, 0)
        do {
            return try maxBytes.map { try file.read(upToCount: $0 + 1) ?? Data() } ?? file.readToEnd() ?? Data()
        } catch {
            return nil
        }
    }

    /// Returns the line and the problem, without Yams' own description, which quotes the file.
    private static func describe(_ error: YamlError?, in text: String) -> (line: Int?, problem: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let details = context.map { "\(problem) \($0.text)" } ?? problem
            return (mark.line, "the file is not valid YAML: \(details)\(hint(problem, at: mark.line, in: text))")
        case .duplicatedKeysInMapping(let keys, let context):
            return (context.mark.line, "duplicate key \(keys.joined(separator: ", "))")
        case .reader(let problem, _, _, _): return (nil, "the file is not valid YAML: \(problem)")
        default: return (nil, "the file is not valid YAML")
        }
    }

    /// Returns advice for the usual mistakes: a text with a character that has a meaning in YAML, and without quotes.
    /// Shows nothing of the text but that character.
    private static func hint(_ problem: String, at line: Int, in text: String) -> String {
        // The usual cause of an unterminated mapping in braces is an unquoted `{device}` inside it.
        if problem.contains("'}'") { return "; a string with { } inside { } needs quotes" }
        if problem.hasPrefix("mapping values are not allowed") { return "; a text with \": \" in it needs quotes" }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard lines.indices.contains(line - 1) else { return "" }
        var value = lines[line - 1].drop { $0 == " " }
        while value.hasPrefix("- ") { value = value.dropFirst(2).drop { $0 == " " } }
        if let colon = value.firstRange(of: ": ") { value = value[colon.upperBound...].drop { $0 == " " } }
        guard let first = value.first, "*&{!%@`".contains(first) else { return "" }
        return "; a text that begins with \(first) needs quotes"
    }
}
