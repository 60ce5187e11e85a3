import Foundation

/// An address of the Internet protocol, as bits: what a name in a URL may stand for.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// Parses a literal: four decimal numbers, or an IPv6 address without brackets and zone.
    ///
    /// Returns `nil` for everything else. That includes `127.1`, `0x7f.1` and `2130706433`, which `getaddrinfo` takes for
    /// addresses: they are names here, and what they resolve to is looked at.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4)
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        self.init(v6)
    }

    init(_ address: in_addr) {
        self = .v4(UInt32(bigEndian: address.s_addr))
    }

    init(_ address: in6_addr) {
        self = withUnsafeBytes(of: address) { bytes in
            let high = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            let low = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            return .v6(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        }
    }

    /// Text that every parser takes for this very address: decimal numbers, or eight groups without abbreviation.
    package var description: String {
        switch self {
        case .v4(let bits):
            return [24, 16, 8, 0].map { "\((bits >> UInt32($0)) & 0xFF)" }.joined(separator: ".")
        case .v6(let high, let low):
            let groups = [high, low].flatMap { half in
                [48, 32, 16, 0].map { String((half >> UInt64($0)) & 0xFFFF, radix: 16) }
            }
            return groups.joined(separator: ":")
        }
    }
}
