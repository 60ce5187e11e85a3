import MQTTTransport
import Testing

@Suite("Back-off of reconnects")
struct ReconnectBackoffTests {
    /// A generator that always returns the same bits.
    private struct Fixed: RandomNumberGenerator, Sendable {
        var bits: UInt64
        mutating func next() -> UInt64 { bits }
    }

    private static let almostOne: any RandomNumberGenerator & Sendable = Fixed(bits: .max)
    private static let half: any RandomNumberGenerator & Sendable = Fixed(bits: 1 << 63)
    private let configuration = ReconnectBackoff.Configuration(
        base: .seconds(1), cap: .seconds(8), stableAfter: .seconds(10))

    @Test("The ceiling doubles from the base to the cap and stays there")
    func doubles() {
        var backoff = ReconnectBackoff(configuration: configuration)
        var random = Self.half
        let waits = (0..<6).map { _ in backoff.next(held: nil, random: &random) }
        #expect(waits == [.seconds(0.5), .seconds(1), .seconds(2), .seconds(4), .seconds(4), .seconds(4)])
        #expect(backoff.failures == 6)
    }

    @Test("The jitter ranges from zero to almost the ceiling")
    func jitters() {
        var none: any RandomNumberGenerator & Sendable = Fixed(bits: 0)
        var most = Self.almostOne
        var backoff = ReconnectBackoff(configuration: configuration)
        let least = backoff.next(held: nil, random: &none)
        #expect(least == .zero)
        let wait = backoff.next(held: nil, random: &most)
        #expect(wait > .seconds(1.99) && wait < .seconds(2.000001))
    }

    @Test("Only a connection that lasted resets the back-off", arguments: [(9, 3), (10, 1), (600, 1)])
    func resets(heldSeconds: Int, failures: Int) {
        var backoff = ReconnectBackoff(configuration: configuration)
        var random = Self.half
        _ = backoff.next(held: nil, random: &random)
        _ = backoff.next(held: nil, random: &random)
        _ = backoff.next(held: .seconds(heldSeconds), random: &random)
        #expect(backoff.failures == failures)
    }

    @Test("After a permanent error, every wait is at the cap")
    func permanent() {
        var backoff = ReconnectBackoff(configuration: configuration)
        var random = Self.half
        let wait = backoff.next(held: nil, isPermanent: true, random: &random)
        #expect(wait == .seconds(4))
    }

    @Test("A thousand failures do not overflow")
    func bounded() {
        var backoff = ReconnectBackoff(configuration: configuration)
        var random = Self.almostOne
        for _ in 0..<1000 {
            let wait = backoff.next(held: nil, random: &random)
            #expect(wait <= .seconds(8))
        }
    }
}
