import Core
import Logging
import TestSupport
import Testing

@Suite("Rate limits")
struct RateLimitTests {
    private static func at(_ seconds: Double) -> Timestamp {
        Timestamp(nanosecondsSinceEpoch: 1_700_000_000_000_000_000 + Int64(seconds * 1e9))
    }

    @Test("The burst is one second's worth; a request beyond the available tokens takes none")
    func take() {
        let limit = RateLimit(perSecond: 10)
        #expect((0..<10).allSatisfy { _ in limit.take(at: Self.at(0)) })
        #expect(!limit.take(at: Self.at(0)))
        #expect(!limit.take(3, at: Self.at(0.2)), "only two tokens are available")
        #expect(limit.take(2, at: Self.at(0.2)))
        #expect(limit.take(10, at: Self.at(100)))
        #expect(!limit.take(11, at: Self.at(1000)), "the bucket never holds more than one second's worth")
    }

    @Test("A clock that is set back adds no tokens, and refilling continues from the new time")
    func clockSetBack() {
        let limit = RateLimit(perSecond: 10)
        #expect(limit.take(10, at: Self.at(100)))
        #expect(!limit.take(at: Self.at(0)))
        #expect(limit.take(10, at: Self.at(1)))
    }

    @Test("A charge is paid at the rate; what is beyond the burst has to be waited for")
    func gcra() {
        let second: Int64 = 1_000_000_000
        var rate = GCRA(at: 0)
        rate.charge(30, perSecond: 10, at: 0)
        #expect(rate.wait(burst: second, at: 0) == 2 * second)
        #expect(rate.wait(burst: second, at: 2 * second) == 0)
        #expect(!rate.isPaid(at: 2 * second))
        #expect(rate.isPaid(at: 3 * second))
        #expect(rate.take(15, perSecond: 10, burst: second, at: 2 * second) == second, "refused and not charged")
        #expect(rate.take(15, perSecond: 10, burst: second, at: 3 * second) == 0, "more than a burst, all is paid")
        #expect(rate.take(1, perSecond: 10, burst: second, at: 3 * second) == 6 * second / 10)
    }

    @Test("A limit of 0 allows nothing")
    func zero() {
        #expect(!RateLimit(perSecond: 0).take(at: Self.at(0)))
    }

    @Test("One line per interval is logged, with the number of omitted ones, even after the clock was set back")
    func logger() {
        let log = LogRecorder()
        let limited = RateLimitedLogger(log.logger, interval: .seconds(10))
        for second in [0.0, 1, 9.9, 10, 11, 5, 6] {
            limited.warning("Refused", metadata: ["second": "\(second)"], at: Self.at(second))
        }
        #expect(
            log.lines == [
                "warning: Refused second=0.0", "warning: Refused omitted=2 second=10.0",
                "warning: Refused omitted=1 second=5.0",
            ])
    }
}
