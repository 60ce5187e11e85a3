import Foundation

/// A policy that decides which addresses a webhook may be sent to.
///
/// The gateway often has access to networks that the author of a webhook URL must not reach. This policy prevents
/// server-side request forgery through such a URL. It does no I/O: host names are resolved beforehand, and the
/// connection goes to the very address that was checked.
package struct AddressPolicy: Sendable, Equatable {
    /// True if loopback, private and shared addresses are allowed, for receivers in the operator's own network.
    /// Link-local addresses stay refused, because cloud providers serve credentials there. The remaining scopes cannot
    /// contain a receiver.
    package var allowsPrivateAddresses: Bool

    package init(allowsPrivateAddresses: Bool = false) {
        self.allowsPrivateAddresses = allowsPrivateAddresses
    }

    package func allows(_ address: IPAddress) -> Bool {
        switch AddressScope(of: address) {
        case .global: true
        case .loopback, .private, .shared: allowsPrivateAddresses
        case .linkLocal, .unspecified, .multicast, .broadcast, .documentation, .reserved: false
        }
    }

    /// Returns the first address that the policy refuses; `nil` if it allows all. One refused address is enough to
    /// refuse the host, because a connection could go to any of its addresses.
    package func firstRefused(of addresses: [IPAddress]) -> IPAddress? {
        addresses.first { !allows($0) }
    }
}

/// The scope of an IP address, by the special-purpose address registries.
package enum AddressScope: String, Sendable, CaseIterable {
    /// The public Internet.
    case global
    /// This host.
    case loopback
    /// A site's own network: RFC 1918, and the unique local and former site-local addresses of IPv6.
    case `private`
    /// Shared between a carrier and its customers (RFC 6598).
    case shared
    /// A single network link. Contains 169.254.169.254, where cloud providers serve a machine's credentials.
    case linkLocal = "link-local"
    /// `::` and 0.0.0.0/8 ("this network"), which many systems treat as this host.
    case unspecified
    case multicast
    case broadcast
    /// Reserved for examples in documents.
    case documentation
    /// Not usable by a receiver: benchmarking, protocol assignments, unallocated space.
    case reserved

    /// Classifies an address. An IPv4 address that is embedded in a tunnel or translation address determines the scope:
    /// a connection to `::ffff:127.0.0.1` or `64:ff9b::7f00:1` reaches 127.0.0.1.
    ///
    /// Source: the special-purpose address registries (RFC 6890), and RFC 4291, 6052 and 3056 for embedded addresses.
    package init(of address: IPAddress) {
        switch address {
        case .v4(let bits): self.init(v4: bits)
        case .v6(let high, let low): self.init(high: high, low: low)
        }
    }

    private init(v4 bits: UInt32) {
        let range = Self.ranges.first { bits >> (32 - $0.length) == $0.prefix >> (32 - $0.length) }
        self = range?.scope ?? .global
    }

    /// The special-purpose IPv4 ranges. The first match determines the scope.
    private static let ranges: [(prefix: UInt32, length: UInt32, scope: AddressScope)] = [
        (0x0000_0000, 8, .unspecified),
        (0x0A00_0000, 8, .private),
        (0x6440_0000, 10, .shared),
        (0x7F00_0000, 8, .loopback),
        (0xA9FE_0000, 16, .linkLocal),
        (0xAC10_0000, 12, .private),
        (0xC000_0000, 24, .reserved),
        (0xC000_0200, 24, .documentation),
        (0xC058_6300, 24, .reserved),
        (0xC0A8_0000, 16, .private),
        (0xC612_0000, 15, .reserved),
        (0xC633_6400, 24, .documentation),
        (0xCB00_7100, 24, .documentation),
        (0xE000_0000, 4, .multicast),
        (0xFFFF_FFFF, 32, .broadcast),
        (0xF000_0000, 4, .reserved),
    ]

    private init(high: UInt64, low: UInt64) {
        let lastBits = UInt32(truncatingIfNeeded: low)
        switch (high, low >> 32) {
        case (0, 0) where lastBits == 0: self = .unspecified
        case (0, 0) where lastBits == 1: self = .loopback
        // ::a.b.c.d (IPv4-compatible), ::ffff:a.b.c.d (IPv4-mapped), 64:ff9b::a.b.c.d (NAT64)
        case (0, 0), (0, 0xFFFF), (0x0064_FF9B_0000_0000, 0): self.init(v4: lastBits)
        default: self.init(high: high)
        }
    }

    private init(high: UInt64) {
        switch high {
        // 2002:a.b.c.d::/48 (6to4)
        case 0x2002_0000_0000_0000...0x2002_FFFF_FFFF_FFFF: self.init(v4: UInt32(truncatingIfNeeded: high >> 16))
        // Network-specific NAT64 (RFC 8215): the translated address is unknown.
        case 0x0064_FF9B_0001_0000...0x0064_FF9B_0001_FFFF: self = .private
        // Protocol assignments, including Teredo.
        case 0x2001_0000_0000_0000...0x2001_01FF_FFFF_FFFF: self = .reserved
        case 0x2001_0DB8_0000_0000...0x2001_0DB8_FFFF_FFFF: self = .documentation
        case 0x3FFF_0000_0000_0000...0x3FFF_0FFF_FFFF_FFFF: self = .documentation
        case 0x2000_0000_0000_0000...0x3FFF_FFFF_FFFF_FFFF: self = .global
        case 0xFC00_0000_0000_0000...0xFDFF_FFFF_FFFF_FFFF: self = .private
        case 0xFE80_0000_0000_0000...0xFEBF_FFFF_FFFF_FFFF: self = .linkLocal
        case 0xFEC0_0000_0000_0000...0xFEFF_FFFF_FFFF_FFFF: self = .private
        case 0xFF00_0000_0000_0000...: self = .multicast
        default: self = .reserved
        }
    }
}

/// An IPv4 or IPv6 address, as bits.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)

    /// Parses a literal: four decimal numbers, or an IPv6 address without brackets and zone.
    ///
    /// Returns `nil` for anything else. That includes `127.1`, `0x7f.1` and `2130706433`, which `getaddrinfo` accepts
    /// as addresses: here they are host names, and the addresses they resolve to are checked.
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

    /// An unambiguous text form for any parser: decimal numbers, or eight groups without abbreviation.
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
