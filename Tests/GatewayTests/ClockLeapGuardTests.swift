import Core
import NIOCore
import Testing

@testable import Gateway

/// A clock that leaps forward removes nothing until it has held.
@Suite("Clock leap guard")
struct ClockLeapGuardTests {
    private static let start = Timestamp(nanosecondsSinceEpoch: 1_700_000_000_000_000_000)
    private static let hour = hours(1)

    private static func hours(_ count: Int) -> Duration { .seconds(3600 * count) }

    /// Clocks controlled by the test.
    private final class Clocks {
        var steady = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var wall = ClockLeapGuardTests.start

        func pass(_ time: Duration) {
            steady = steady + TimeAmount(time)
            wall = wall.advanced(by: time)
        }
    }

    @Test("A forward leap of 91 days is trusted after six hours, a backward leap at once")
    func leap() {
        let clocks = Clocks()
        let trust = ClockLeapGuard(hold: Self.hours(6), lastKnown: nil, wall: clocks.wall, steady: clocks.steady)
        clocks.pass(Self.hour)
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == clocks.wall)
        let before = clocks.wall
        clocks.wall = clocks.wall.advanced(by: Self.hours(91 * 24))
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == before)
        #expect(trust.leap?.size == Self.hours(91 * 24))
        for _ in 1...5 {
            clocks.pass(Self.hour)
            #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) < before.advanced(by: Self.hours(6)))
        }
        clocks.wall = clocks.wall.advanced(by: .zero - Self.hours(91 * 24))
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == clocks.wall)
        #expect(trust.leap == nil)
        clocks.wall = clocks.wall.advanced(by: Self.hours(91 * 24))
        for _ in 1...6 {
            #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) < clocks.wall)
            clocks.pass(Self.hour)
        }
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == clocks.wall)
        #expect(trust.leap == nil)
    }

    @Test("A second leap restarts the hold; small corrections are trusted")
    func steps() {
        let clocks = Clocks()
        let trust = ClockLeapGuard(hold: Self.hours(6), lastKnown: nil, wall: clocks.wall, steady: clocks.steady)
        clocks.wall = clocks.wall.advanced(by: .seconds(500))
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == clocks.wall)
        for _ in 1...10 {
            clocks.pass(Self.hour)
            clocks.wall = clocks.wall.advanced(by: Self.hours(24))
            #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) < clocks.wall)
        }
    }

    @Test(
        "At start-up, a clock far ahead of the stored data is held too; without a hold, every clock is trusted"
    )
    func start() {
        let clocks = Clocks()
        let lastKnown = clocks.wall.advanced(by: .zero - Self.hours(100 * 24))
        let trust = ClockLeapGuard(hold: Self.hours(6), lastKnown: lastKnown, wall: clocks.wall, steady: clocks.steady)
        #expect(trust.leap != nil)
        #expect(trust.trustedTime(clocks.wall, steady: clocks.steady) == lastKnown)
        let ahead = ClockLeapGuard(
            hold: Self.hours(6), lastKnown: clocks.wall.advanced(by: Self.hour), wall: clocks.wall,
            steady: clocks.steady)
        #expect(ahead.leap == nil)
        let credulous = ClockLeapGuard(hold: .zero, lastKnown: lastKnown, wall: clocks.wall, steady: clocks.steady)
        #expect(credulous.trustedTime(clocks.wall, steady: clocks.steady) == clocks.wall)
    }
}
