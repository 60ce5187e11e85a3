/// The name of a device as its topic or payload gives it, for example `greenhouse-1`.
///
/// It becomes one level of a room's name, so it may hold nothing that a topic level may not:
/// no `/`, `+`, `#`, no control characters, and 1 to 128 bytes of UTF-8.
package struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    /// The most bytes of UTF-8 that a device's name may have.
    package static let maximumByteCount = 128

    package let rawValue: String

    /// The device of that name, or `nil` when the name may not stand in a room's name.
    package init?(_ rawValue: some StringProtocol) {
        var count = 0
        for byte in rawValue.utf8 {
            count += 1
            switch byte {
            case 0x00..<0x20, 0x7F, UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "#"): return nil
            default: continue
            }
        }
        guard (1...Self.maximumByteCount).contains(count) else { return nil }
        self.rawValue = String(rawValue)
    }

    package var description: String { rawValue }
}
