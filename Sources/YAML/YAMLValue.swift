package import Core
import Yams

/// A value in a YAML file, and its key.
package struct YAMLValue {
    /// The key with its parent keys, such as `panels[1].metrics`; empty for the root of the file.
    package let key: String
    package let document: YAMLDocument
    let node: Node

    init(node: Node, key: String, document: YAMLDocument) {
        self.node = node
        self.key = key
        self.document = document
    }

    /// The line in the file, counted from 1.
    package var line: Int? { node.mark?.line }
    /// The text of a single value as it is in the file; `nil` for a list or mapping.
    package var text: String? { node.scalar?.string }
    /// True for `~`, `null`, or nothing at all.
    package var isNull: Bool { node.null != nil }
    package var isMapping: Bool { node.mapping != nil }
    package var isList: Bool { node.sequence != nil }

    /// The same value under another key, for the list that a whole file may consist of.
    package func with(key: String) -> YAMLValue {
        YAMLValue(node: node, key: key, document: document)
    }

    // MARK: Reading

    /// Returns the value in a format. Reports a value that is not allowed and returns `nil`.
    package func read<Value>(_ format: ValueFormat<Value>) -> Value? {
        if let value = match(format) { return value }
        reject(allowed: format.allowed)
        return nil
    }

    /// Returns the value in a format; `nil` for any other value, which is not reported.
    package func match<Value>(_ format: ValueFormat<Value>) -> Value? {
        guard let scalar = node.scalar, !isNull else { return nil }
        guard scalar.style == .plain || document.acceptsQuotedNumbers || !format.isUnquoted else { return nil }
        return format.parse(scalar.string)
    }

    /// Parses a text by a function that throws the reason why it is not valid. Reports that reason and returns `nil`.
    ///
    /// - Parameter allowed: The texts that are allowed, in words.
    package func parse<Value>(_ allowed: String, _ parse: (String) throws -> Value) -> Value? {
        guard let text = read(.text(allowed)) else { return nil }
        do {
            return try parse(text)
        } catch {
            fail("\(error)")
            return nil
        }
    }

    /// Returns the elements of a list. Reports another value, or a list with another number of elements, and returns
    /// `nil`.
    package func list(_ count: ClosedRange<Int> = 0...Int.max, of elements: String = "elements") -> [YAMLValue]? {
        guard let list, count.contains(list.count) else {
            let bounds = count.upperBound == .max ? "" : "\(count.lowerBound) to \(count.upperBound) "
            reject(allowed: "a list of \(bounds)\(elements)")
            return nil
        }
        return list
    }

    /// Returns a single name, or the names of a list, in normal form NFC. Reports others.
    package func names(upTo limit: Int) -> [String] {
        let values = isList ? list(1...limit, of: "names") ?? [] : [self]
        return values.compactMap { $0.read(.text(bytes: 1...256))?.inNormalForm }
    }

    /// Returns the keys of a mapping. Reports another value and returns `nil`.
    ///
    /// - Parameter allowed: The mapping in words.
    package func mapping(_ allowed: String = "a mapping, one key: value per line or in { }") -> YAMLMapping? {
        if let mapping = node.mapping { return YAMLMapping(of: self, mapping) }
        // Does not show the value: this may be the secret of a section that should have been a mapping.
        fail("\(isList ? "a list" : "a single value") is not valid; allowed: \(allowed)")
        return nil
    }

    // MARK: Looking up

    /// The value of a key of this mapping, if there is one. For rules between values that were read before.
    package subscript(key: String) -> YAMLValue? {
        let pair = node.mapping?.first { $0.key.scalar?.string == key }
        return pair.map { YAMLValue(node: $0.value, key: path(to: key), document: document) }
    }

    /// An element of this list, if it is long enough.
    package subscript(index: Int) -> YAMLValue? {
        guard let list, list.indices.contains(index) else { return nil }
        return list[index]
    }

    // MARK: Reporting

    /// Reports a problem of this value.
    package func fail(_ message: String) {
        document.fail(message, at: node, key: key)
    }

    /// Reports that this value is not allowed.
    ///
    /// - Parameter allowed: The allowed values in words.
    package func reject(allowed: String) {
        switch node {
        case .scalar(let scalar): fail(ValueFormat<String>.text(allowed).problem(with: scalar.string))
        case .sequence(let list): fail("a list of length \(list.count) is not valid; allowed: \(allowed)")
        case .mapping(let mapping):
            // YAML reads `{device}` as a mapping with a key that has no value.
            let isCapture = mapping.count == 1 && mapping.first?.value.isEmpty == true
            fail(
                "a mapping is not valid; allowed: \(allowed)"
                    + (isCapture ? "; a text that begins with { needs quotes" : ""))
        case .alias: fail("a mapping is not valid; allowed: \(allowed)")
        }
    }

    /// Returns the full path of a key of this mapping.
    func path(to name: String) -> String {
        key.isEmpty ? name : "\(key).\(name)"
    }

    private var list: [YAMLValue]? {
        node.sequence?.enumerated().map { index, element in
            YAMLValue(node: element, key: "\(key)[\(index)]", document: document)
        }
    }
}

extension Node {
    /// True for nothing at all, not even `~`.
    var isEmpty: Bool { scalar?.style == .plain && scalar?.string.isEmpty == true }
}
