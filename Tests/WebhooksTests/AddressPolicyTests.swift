import Testing

@testable import Webhooks

/// A webhook's URL must not give access to the gateway's own networks.
@Suite("Webhook address policy")
struct AddressPolicyTests {
    @Test(
        "IPv4 addresses are classified by the IANA registries",
        arguments: [
            ("8.8.8.8", .global), ("1.1.1.1", .global), ("172.15.255.255", .global), ("172.32.0.0", .global),
            ("100.63.255.255", .global), ("100.128.0.0", .global), ("192.0.1.0", .global), ("223.255.255.255", .global),
            ("127.0.0.1", .loopback), ("127.255.255.255", .loopback),
            ("10.0.0.0", .private), ("10.255.255.255", .private), ("172.16.0.0", .private),
            ("172.31.255.255", .private), ("192.168.0.1", .private),
            ("100.64.0.0", .shared), ("100.127.255.255", .shared),
            ("169.254.169.254", .linkLocal), ("0.0.0.0", .unspecified), ("0.1.2.3", .unspecified),
            ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("255.255.255.255", .broadcast),
            ("240.0.0.1", .reserved), ("255.255.255.254", .reserved), ("192.0.0.8", .reserved),
            ("192.88.99.1", .reserved), ("198.18.0.1", .reserved), ("198.19.255.255", .reserved),
            ("192.0.2.1", .documentation), ("198.51.100.7", .documentation), ("203.0.113.9", .documentation),
        ] as [(String, AddressScope)])
    func scopesOfVersion4(text: String, scope: AddressScope) throws {
        #expect(AddressScope(of: try #require(IPAddress(text))) == scope)
    }

    @Test(
        "IPv6 addresses are classified by themselves or by the IPv4 address that they embed",
        arguments: [
            ("2606:4700::1111", .global), ("2001:4860:4860::8888", .global), ("2001:200::1", .global),
            ("::", .unspecified), ("::1", .loopback), ("::2", .unspecified), ("fc00::1", .private),
            ("fdff:ffff::1", .private), ("fec0::1", .private), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
            ("ff02::1", .multicast), ("2001:db8::1", .documentation), ("3fff:fff::1", .documentation),
            ("2001::1", .reserved), ("2001:1ff::1", .reserved), ("100::1", .reserved), ("4000::1", .reserved),
            ("5f00::1", .reserved), ("fe00::1", .reserved),
            // Embedded addresses: mapped, compatible, translated, NAT64, 6to4.
            ("::ffff:127.0.0.1", .loopback), ("::ffff:7f00:1", .loopback), ("::ffff:10.1.2.3", .private),
            ("::ffff:8.8.8.8", .global), ("::127.0.0.1", .loopback), ("::10.0.0.1", .private),
            ("::ffff:0:127.0.0.1", .reserved),
            ("64:ff9b::127.0.0.1", .loopback), ("64:ff9b::192.168.1.1", .private), ("64:ff9b::8.8.8.8", .global),
            ("64:ff9b:1::8.8.8.8", .private),
            ("2002:7f00:1::", .loopback), ("2002:c0a8:101::1", .private), ("2002:a9fe:a9fe::1", .linkLocal),
            ("2002:808:808::1", .global),
        ] as [(String, AddressScope)])
    func scopesOfVersion6(text: String, scope: AddressScope) throws {
        #expect(AddressScope(of: try #require(IPAddress(text))) == scope)
    }

    @Test("Only public addresses are allowed, and private ones if configured", arguments: AddressScope.allCases)
    func policy(scope: AddressScope) throws {
        let examples: [AddressScope: String] = [
            .global: "8.8.8.8", .loopback: "::1", .private: "fd00::1", .shared: "100.64.0.1",
            .linkLocal: "169.254.169.254", .unspecified: "0.0.0.0", .multicast: "ff02::1",
            .broadcast: "255.255.255.255", .documentation: "192.0.2.1", .reserved: "240.0.0.1",
        ]
        let address = try #require(examples[scope].flatMap { IPAddress($0) })
        #expect(AddressScope(of: address) == scope)
        #expect(AddressPolicy().allows(address) == (scope == .global))
        let own: Set<AddressScope> = [.global, .loopback, .private, .shared]
        #expect(AddressPolicy(allowsPrivateAddresses: true).allows(address) == own.contains(scope))
    }

    @Test("One disallowed address disallows the host name")
    func oneIsEnough() {
        let addresses = ["8.8.8.8", "10.0.0.1", "1.1.1.1"].compactMap { IPAddress($0) }
        #expect(AddressPolicy().firstRefused(of: addresses) == IPAddress("10.0.0.1"))
        #expect(AddressPolicy().firstRefused(of: [addresses[0], addresses[2]]) == nil)
    }

    @Test(
        "The text of an address parses back to it",
        arguments: ["8.8.8.8", "255.0.1.254", "::", "::1", "::ffff:127.0.0.1", "2001:db8::a:0:1", "fe80::ffff"])
    func text(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(IPAddress(address.description) == address)
    }

    @Test(
        "Anything but a plain address literal is a host name",
        arguments: [
            "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "[::1]", "fe80::1%eth0", "", "localhost", "1.2.3.4 ",
        ])
    func names(text: String) {
        #expect(IPAddress(text) == nil)
    }
}
