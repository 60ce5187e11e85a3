import Core
import TestSupport
import Testing

@Suite("Timestamps keep nanoseconds and convert without drift")
struct TimestampTests {
    @Test(
        "Seconds with decimal digits survive a round trip",
        arguments: [0, 1_714_564_800.123456, 1_714_564_800.123, 1_700_000_000.000001, -1.5, 4_102_444_799.999999])
    func secondsRoundTrip(seconds: Double) throws {
        #expect(try #require(Timestamp(secondsSinceEpoch: seconds)).secondsSinceEpoch == seconds)
    }

    @Test("Random microseconds survive a round trip")
    func randomRoundTrip() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<10_000 {
            let microseconds = Int64.random(in: 0...4_102_444_800_000_000, using: &random)
            let timestamp = Timestamp(nanosecondsSinceEpoch: microseconds * 1000)
            #expect(Timestamp(secondsSinceEpoch: timestamp.secondsSinceEpoch) == timestamp)
            #expect(Timestamp(millisecondsSinceEpoch: timestamp.millisecondsSinceEpoch) == timestamp)
        }
    }

    @Test("Seconds and milliseconds are rounded to the nearest microsecond")
    func rounds() {
        #expect(Timestamp(nanosecondsSinceEpoch: 1_500).secondsSinceEpoch == 0.000002)
        #expect(Timestamp(nanosecondsSinceEpoch: 1_499).millisecondsSinceEpoch == 0.001)
        #expect(Timestamp(nanosecondsSinceEpoch: -1_500).secondsSinceEpoch == -0.000002)
    }

    @Test("A time outside the range gives nil", arguments: [Double.nan, .infinity, 1e10, -1e10, 1e300])
    func outside(seconds: Double) {
        #expect(Timestamp(secondsSinceEpoch: seconds) == nil)
    }

    @Test("Arithmetic at the ends of the range does not trap")
    func extremes() {
        let first = Timestamp(nanosecondsSinceEpoch: .min)
        let last = Timestamp(nanosecondsSinceEpoch: .max)
        #expect(last.since(first) > .seconds(18_000_000_000))
        #expect(first.since(last) < .zero)
        #expect(last.advanced(by: .seconds(1)) == last)
        #expect(first.advanced(by: .seconds(-1)) == first)
        #expect(first.advanced(by: .seconds(Int64.max)) == last)
        #expect(Timestamp(nanosecondsSinceEpoch: 5).advanced(by: .nanoseconds(-7)).nanosecondsSinceEpoch == -2)
        #expect(first < last)
    }

    @Test(
        "The text form is RFC 3339 in UTC with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_714_564_800_250_000_000, "2024-05-01T12:00:00.250Z"),
            (951_782_399_999_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (.max, "2262-04-11T23:47:16.854Z"), (.min, "1677-09-21T00:12:43.145Z"),
        ] as [(Int64, String)])
    func rfc3339(nanoseconds: Int64, expected: String) {
        #expect(Timestamp(nanosecondsSinceEpoch: nanoseconds).rfc3339 == expected)
    }

    @Test("Every day from 1970 to 2261 is formatted in order and parsed back")
    func everyDay() throws {
        var previous = ""
        for day in 0..<Int64(106_651) {
            let timestamp = Timestamp(nanosecondsSinceEpoch: day * 86_400_000_000_000)
            let text = timestamp.rfc3339
            if text <= previous || Timestamp(iso8601: text) != timestamp { Issue.record("day \(day): \(text)") }
            previous = text
        }
        #expect(previous == "2261-12-31T00:00:00.000Z")
    }
}
