/// Which addresses a webhook may be sent to.
///
/// The gateway stands inside of networks that whoever names a webhook's URL may not reach; a URL must not be a way in.
/// Pure: names are resolved before, and the address that was checked is the one that is connected to.
package struct AddressPolicy: Sendable, Equatable {
    /// Lets in loopback, private and shared addresses: a receiver in one's own network. Link-local addresses stay out,
    /// because clouds keep credentials there; the rest is no place where a receiver can be.
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

    /// The first of a name's addresses that is refused: one is enough, or a name with two addresses would get in half
    /// of the time.
    package func firstRefused(of addresses: [IPAddress]) -> IPAddress? {
        addresses.first { !allows($0) }
    }
}
