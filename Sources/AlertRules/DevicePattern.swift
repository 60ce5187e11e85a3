/// Names of devices with `*` for any characters, none included: `greenhouse-*`.
package struct DevicePattern: Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// What stands between the stars, as bytes of UTF-8.
    private let parts: [[UInt8]]

    /// Every device.
    package static let any = DevicePattern("*")

    package init(_ text: String) {
        description = text
        parts = text.split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    /// Whether the whole name fits.
    package func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        guard let first = parts.first, let last = parts.last else { return name.isEmpty }
        if parts.count == 1 { return name == first }
        guard name.count >= first.count + last.count, name.starts(with: first), name.suffix(last.count) == last[...]
        else { return false }
        // Between, each part as early as it can be: then the rest has the most room.
        var rest = name[first.count..<name.count - last.count]
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let start = Self.firstIndex(of: part, in: rest) else { return false }
            rest = rest[(start + part.count)...]
        }
        return true
    }

    private static func firstIndex(of part: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= part.count else { return nil }
        return (bytes.startIndex...bytes.endIndex - part.count).first { bytes[$0..<$0 + part.count] == part[...] }
    }
}
