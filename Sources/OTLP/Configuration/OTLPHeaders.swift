import Foundation

/// What goes into the head of every request: mostly keys of a collector's owner, so that values never show in a
/// description.
package struct OTLPHeaders: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// In the order in which they were given.
    package let fields: [Field]

    package struct Field: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
        package let name: String
        package let value: String

        package var description: String { "\(name): (not shown)" }
        package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
    }

    package static let none = OTLPHeaders(fields: [])

    init(fields: [Field]) {
        self.fields = fields
    }

    /// Parses `name=value,name=value`, the values percent-encoded.
    ///
    /// Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", Specifying headers via environment
    /// variables; RFC 9110 section 5.5 for what a value may hold.
    ///
    /// - Throws: ``Mistake``, which tells the place and keeps the value for itself.
    init(parsing text: String) throws(Mistake) {
        var fields: [Field] = []
        for (index, entry) in text.split(separator: ",").enumerated() {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].trimmingCharacters(in: .whitespaces)
            guard parts.count == 2, !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte),
                let value = parts[1].trimmingCharacters(in: .whitespaces).removingPercentEncoding,
                value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 })
            else { throw Mistake(entry: index + 1) }
            fields.append(Field(name: name, value: value))
        }
        self.fields = fields
    }

    struct Mistake: Error {
        /// Counted from 1.
        let entry: Int
    }

    package var description: String { "[\(fields.map(\.description).joined(separator: ", "))]" }
    package var customMirror: Mirror { Mirror(self, children: ["names": fields.map(\.name)]) }

    /// RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
