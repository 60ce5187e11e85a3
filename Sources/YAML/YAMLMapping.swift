package import Core
import Yams

/// The keys of a mapping in a YAML file.
///
/// Each key that is asked for counts as known, whether the file has it or not. When the document is finished, all other
/// keys are reported. To add a key to a file format, read it:
///
///     let limit = fields.read("limit", .integer(in: 1...100)) ?? 10
///
/// A key with nothing after its colon counts as missing.
package final class YAMLMapping {
    /// A key and its value.
    package struct Entry {
        package let name: String
        /// The place of the key, for problems of the key itself.
        package let key: YAMLValue
        package let value: YAMLValue
    }

    /// The whole mapping, for problems that concern more than one key.
    package let value: YAMLValue

    private let fields: [Entry]
    private var known: Set<String> = []
    private let earlierProblemCount: Int

    init(of value: YAMLValue, _ mapping: Node.Mapping) {
        self.value = value
        earlierProblemCount = value.document.problems.count
        var names: Set<String> = []
        fields = mapping.compactMap { key, element in
            guard let name = key.scalar?.string else {
                value.document.fail("a list or mapping is not valid as a key; allowed: text", at: key, key: value.key)
                return nil
            }
            let path = value.path(to: name)
            guard names.insert(name).inserted else {
                value.document.fail("duplicate key", at: key, key: path)
                return nil
            }
            return Entry(
                name: name, key: YAMLValue(node: key, key: path, document: value.document),
                value: YAMLValue(node: element, key: path, document: value.document))
        }
        value.document.add(self)
    }

    /// True when no problem was reported since this mapping was opened.
    package var isValid: Bool { value.document.problems.count == earlierProblemCount }

    // MARK: Keys that are known

    /// Returns the value of a key in a format; `nil` when it is missing, or not allowed and reported.
    package func read<Value>(_ key: String, _ format: ValueFormat<Value>) -> Value? {
        self[key]?.read(format)
    }

    /// Returns the value of a key in a format. Reports a missing key, or a value that is not allowed, and returns `nil`.
    package func required<Value>(_ key: String, _ format: ValueFormat<Value>) -> Value? {
        required(key, format.allowed)?.read(format)
    }

    /// Returns the value of a key. Reports a missing key and returns `nil`.
    ///
    /// - Parameter allowed: The allowed values in words.
    @discardableResult
    package func required(_ key: String, _ allowed: String) -> YAMLValue? {
        if let value = self[key] { return value }
        value.document.fail("required key is missing; allowed: \(allowed)", at: value.node, key: value.path(to: key))
        return nil
    }

    /// The value of a key; `nil` when it is missing.
    package subscript(key: String) -> YAMLValue? {
        guard let value = entry(key)?.value, !value.node.isEmpty else { return nil }
        return value
    }

    /// Returns true when the file has the key with `~`, `null` or nothing at all.
    package func isNull(_ key: String) -> Bool {
        entry(key)?.value.isNull ?? false
    }

    // MARK: Keys that the file chooses

    /// All keys in the file's order. They count as known, so the reader reports those that are not.
    package var entries: [Entry] {
        known.formUnion(fields.map(\.name))
        return fields
    }

    // MARK: Reporting

    /// Reports a problem of a key's value, or of the whole mapping when the key is missing.
    package func fail(_ key: String, _ message: String) {
        let node = fields.first { $0.name == key }?.value.node ?? value.node
        value.document.fail(message, at: node, key: value.path(to: key))
    }

    /// Reports the keys that nothing has asked for.
    func reportUnknownKeys() {
        for entry in fields where !known.contains(entry.name) {
            entry.failAsUnknown(allowed: known)
        }
    }

    private func entry(_ key: String) -> Entry? {
        known.insert(key)
        return fields.first { $0.name == key }
    }
}

extension YAMLMapping.Entry {
    /// Reports that the key is unknown, with the allowed ones, and first of all the one that was probably meant.
    package func failAsUnknown(allowed: some Sequence<String>) {
        let names = allowed.sorted()
        let hint = EditDistance.hint(for: name, among: names).map { "; \($0)" } ?? ";"
        key.fail("unknown key\(hint) allowed: \(names.joined(separator: ", "))")
    }
}
