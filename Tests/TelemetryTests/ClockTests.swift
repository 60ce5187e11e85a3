import Core
import Telemetry
import Testing

/// The offset between two clocks and its uncertainty, from four timestamps.
@Suite("Clock exchange")
struct ClockTests {
    private static func at(_ milliseconds: Double) -> Timestamp {
        Timestamp(millisecondsSinceEpoch: 1_763_900_000_000 + milliseconds) ?? Timestamp(nanosecondsSinceEpoch: 0)
    }

    private static func exchange(_ times: [Double]) -> ClockExchange? {
        ClockExchange(
            sentAt: at(times[0]), receivedAt: at(times[1]), answeredAt: at(times[2]), returnedAt: at(times[3]))
    }

    @Test(
        "Offset and round trip are computed from four timestamps, also for asymmetric delays",
        arguments: [
            ([0, 10, 11, 21], 0.0, 20.0), ([0, 310, 311, 21], 300, 20), ([0, -290, -289, 21], -300, 20),
            ([0, 300_019, 300_019, 20], 300_009, 20), ([0, 0, 0, 0], 0, 0),
        ])
    func offsets(_ times: [Double], offset: Double, roundTrip: Double) throws {
        let exchange = try #require(Self.exchange(times))
        #expect(exchange.offset == .milliseconds(Int(offset)))
        #expect(exchange.roundTrip == .milliseconds(Int(roundTrip)))
    }

    @Test(
        "Impossible timestamps give no exchange",
        arguments: [[10, 5, 6, 0], [0, 6, 5, 10], [0, 5, 30, 10]] as [[Double]])
    func impossible(_ times: [Double]) {
        #expect(Self.exchange(times) == nil)
    }

    @Test("The exchange with the shortest round trip counts, with half of it as the uncertainty")
    func best() throws {
        var filter = ClockFilter()
        #expect(filter.estimate(at: Self.at(0)) == nil)
        filter.add(try #require(Self.exchange([0, 350, 350, 100])))
        filter.add(try #require(Self.exchange([200, 502, 502, 204])))
        filter.add(try #require(Self.exchange([300, 640, 640, 360])))
        let estimate = try #require(filter.estimate(at: Self.at(400)))
        #expect(estimate.offset == .milliseconds(300))
        #expect(estimate.uncertainty >= .milliseconds(2) && estimate.uncertainty < .milliseconds(3))
        #expect(!estimate.isEstimated)
    }

    @Test("A clock that was set discards older exchanges; old exchanges expire")
    func steps() throws {
        var filter = ClockFilter()
        filter.add(try #require(Self.exchange([0, 1, 1, 2])))
        filter.add(try #require(Self.exchange([1000, 61_005, 61_005, 1010])))
        #expect(filter.estimate(at: Self.at(1020))?.offset == .milliseconds(60_000))
        #expect(filter.estimate(at: Self.at(1020 + 601_000)) == nil)
        #expect(filter.estimate(at: Self.at(500)) == nil, "the local clock was set back")
    }

    @Test("The uncertainty of old exchanges grows, so that an equally good newer one replaces them")
    func drift() throws {
        var filter = ClockFilter()
        filter.add(try #require(Self.exchange([0, 5, 5, 10])))
        filter.add(try #require(Self.exchange([300_000, 300_007, 300_007, 300_010])))
        #expect(filter.estimate(at: Self.at(300_020))?.offset == .milliseconds(2))
    }

    @Test("Requests and responses survive encoding and decoding")
    func messages() throws {
        let request = ClockMessage.Request(id: "7", sentAt: Self.at(1.5))
        #expect(ClockMessage.Request(json: request.json) == request)
        let response = ClockMessage.Response(to: request, receivedAt: Self.at(2), answeredAt: Self.at(3))
        #expect(ClockMessage.Response(json: response.json) == response)
        #expect(String(decoding: request.json, as: UTF8.self) == #"{"id":"7","t0":1763900000001.5}"#)
    }

    @Test(
        "An invalid payload is not a request",
        arguments: ["", "{}", "7", #"{"t0":"now"}"#, #"{"id":7,"t0":1}"#, #"{"t0":null}"#])
    func badRequests(_ payload: String) {
        #expect(ClockMessage.Request(json: Array(payload.utf8)) == nil)
    }

    @Test("The topics contain the device's name")
    func topics() throws {
        let device = try #require(DeviceID("greenhouse-1"))
        #expect(ClockTopics.request(of: device) == "windsock/clock/greenhouse-1/request")
        #expect(ClockTopics.device(requestingOn: "windsock/clock/greenhouse-1/request") == device)
        for topic in [
            "windsock/clock/a/response", "windsock/clock//request", "windsock/clock/a/b/request", "sensors/a",
        ] {
            #expect(ClockTopics.device(requestingOn: topic) == nil, "\(topic)")
        }
    }
}
