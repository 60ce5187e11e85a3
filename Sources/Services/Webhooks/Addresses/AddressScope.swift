/// Where an address reaches.
package enum AddressScope: String, Sendable, CaseIterable {
    /// The public Internet.
    case global
    /// This machine.
    case loopback
    /// A site's own network: RFC 1918, unique local and the former site-local addresses of IPv6.
    case `private`
    /// Between a carrier and its customers (RFC 6598).
    case shared
    /// One link, and the place where clouds keep a machine's credentials (169.254.169.254).
    case linkLocal = "link-local"
    /// No address, or one of "this network", which many systems take for this machine.
    case unspecified
    case multicast
    case broadcast
    /// Examples in documents.
    case documentation
    /// Nothing that a receiver can have: benchmarks, protocol assignments, space that is not given out.
    case reserved

    /// Inside of what a tunnel or a translator carries, the scope of the address that is carried: who connects to
    /// `::ffff:127.0.0.1` or to `64:ff9b::7f00:1` reaches 127.0.0.1.
    ///
    /// Source: the special-purpose address registries (RFC 6890) with RFC 4291, 6052 and 3056 for addresses in addresses.
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

    /// The first that fits counts.
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
        // A network's own NAT64 (RFC 8215): what it translates to is not known here.
        case 0x0064_FF9B_0001_0000...0x0064_FF9B_0001_FFFF: self = .private
        // Protocol assignments, Teredo among them.
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
