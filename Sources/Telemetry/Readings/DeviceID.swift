/// The name of a device as its topic or payload gives it, for example `greenhouse-1`.
///
/// It becomes one level of a room's name, so it may hold nothing that a topic level may not:
/// no `/`, `+`, `#`, no control characters, no mark at its beginning that joins what stands before it, and 1 to 128 bytes
/// of UTF-8.
package struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of UTF-8 that a device's name may have.
    package static let maximumByteCount = 128

    package let rawValue: String

    /// The device of that name, or `nil` when the name may not stand in a room's name.
    package init?(_ rawValue: some StringProtocol) {
        guard (1...Self.maximumByteCount).contains(rawValue.utf8.count), !rawValue.beginsWithJoiningMark else {
            return nil
        }
        for scalar in rawValue.unicodeScalars {
            switch scalar {
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "/", "+", "#": return nil
            default: continue
            }
        }
        self.rawValue = String(rawValue)
    }

    package var description: String { rawValue }
}
