import Testing

@testable import MQTTTransport

@Suite("Negotiation of the MQTT version")
struct ProtocolNegotiationTests {
    @Test("After a refusal of MQTT 5, all connections use 3.1.1", arguments: [0x84, 1])
    func settles(reasonCode: Int) {
        var negotiation = ProtocolNegotiation(.automatic)
        var isWorthATry: Bool
        #expect(negotiation.level == 5)
        isWorthATry = negotiation.failed(.refused(reasonCode: reasonCode))
        #expect(isWorthATry)
        #expect(negotiation.level == 4)
        for failure in [ProtocolNegotiation.Failure.hungUp, .other, .refused(reasonCode: 1)] {
            isWorthATry = negotiation.failed(failure)
            #expect(!isWorthATry)
            #expect(negotiation.level == 4)
        }
    }

    @Test("After the broker hung up, one attempt uses 3.1.1, then MQTT 5 again")
    func guesses() {
        var negotiation = ProtocolNegotiation(.automatic)
        var isWorthATry: Bool
        isWorthATry = negotiation.failed(.hungUp)
        #expect(isWorthATry)
        #expect(negotiation.level == 4)
        isWorthATry = negotiation.failed(.hungUp)
        #expect(!isWorthATry)
        #expect(negotiation.level == 5)
    }

    @Test("A broker that accepted MQTT 5 before gets MQTT 5 again after it hung up, but not after a refusal")
    func proven() {
        var negotiation = ProtocolNegotiation(.automatic)
        var isWorthATry: Bool
        negotiation.connected()
        isWorthATry = negotiation.failed(.hungUp)
        #expect(!isWorthATry)
        #expect(negotiation.level == 5)
        isWorthATry = negotiation.failed(.refused(reasonCode: 0x84))
        #expect(isWorthATry)
        #expect(negotiation.level == 4)
    }

    @Test("A successful attempt with 3.1.1 does not rule out MQTT 5")
    func guessed() {
        var negotiation = ProtocolNegotiation(.automatic)
        _ = negotiation.failed(.hungUp)
        negotiation.connected()
        let isWorthATry = negotiation.failed(.other)
        #expect(!isWorthATry)
        #expect(negotiation.level == 5)
        let isWorthAnother = negotiation.failed(.hungUp)
        #expect(isWorthAnother)
        #expect(negotiation.level == 4)
    }

    @Test("Other failures and refusals do not change the version")
    func stays() {
        var negotiation = ProtocolNegotiation(.automatic)
        var isWorthATry: Bool
        isWorthATry = negotiation.failed(.other)
        #expect(!isWorthATry)
        isWorthATry = negotiation.failed(.refused(reasonCode: 0x87))
        #expect(!isWorthATry)
        #expect(negotiation.level == 5)
    }

    @Test("A configured version is kept", arguments: [(MQTTConfiguration.ProtocolVersion.v5, 5), (.v311, 4)])
    func fixed(version: MQTTConfiguration.ProtocolVersion, level: Int) {
        var negotiation = ProtocolNegotiation(version)
        var isWorthATry: Bool
        for failure in [ProtocolNegotiation.Failure.refused(reasonCode: 0x84), .hungUp, .other] {
            isWorthATry = negotiation.failed(failure)
            #expect(!isWorthATry)
            #expect(negotiation.level == level)
        }
    }
}
