import Core
import NIOCore
import NIOEmbedded
import Telemetry
import Testing

@testable import Realtime

/// `max_rate_hz` delivers the latest value of each series at the given rate, and always the last one.
@Suite("Rates that clients ask for")
struct PacingTests {
    typealias Sink = HubFixture.Sink

    private func advance(_ setup: HubFixture, _ milliseconds: Int64) {
        setup.loop.advanceTime(by: .milliseconds(milliseconds))
    }

    @Test("The first comes at once, of those that come too early the latest, and nobody else waits")
    func latest() throws {
        let setup = try HubFixture()
        let slow = Sink()
        let fast = Sink()
        let client = try setup.join("sensors/a", sink: slow)
        _ = try setup.join("sensors/a", sink: fast)
        setup.shard.setInterval(.seconds(1), for: try TopicFilter("sensors/a"), of: client)
        for text in ["1", "2", "3"] {
            setup.publish(("sensors/a", text))
            advance(setup, 100)
        }
        #expect(fast.text == "123")
        #expect(slow.text == "1")
        advance(setup, 800)
        #expect(slow.text == "13")
        advance(setup, 5000)
        #expect(slow.text == "13", "nothing is told twice")
        setup.publish(("sensors/a", "4"))
        setup.loop.run()
        #expect(slow.text == "134", "after a pause the next comes at once")
    }

    @Test("Of overlapping joins the highest rate wins; lifting the limit lifts it")
    func overlapping() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("sensors/a", "sensors/#", sink: sink)
        setup.shard.setInterval(.seconds(10), for: try TopicFilter("sensors/a"), of: client)
        setup.shard.setInterval(.seconds(1), for: try TopicFilter("sensors/#"), of: client)
        setup.publish(("sensors/a", "1"))
        setup.publish(("sensors/a", "2"))
        setup.loop.run()
        advance(setup, 1020)
        #expect(sink.text == "12")
        setup.shard.setInterval(nil, for: try TopicFilter("sensors/#"), of: client)
        advance(setup, 1)
        setup.publish(("sensors/a", "3"))
        setup.publish(("sensors/a", "4"))
        setup.loop.run()
        #expect(sink.text == "1234")
    }

    @Test("Series have their own times; what may not be lost does not wait")
    func apart() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("#", sink: sink)
        setup.shard.setInterval(.seconds(1), for: try TopicFilter("#"), of: client)
        setup.publish(("sensors/a", "a"), ("sensors/b", "b"), ("sensors/a", "-"))
        setup.say(("chat", "1", 1), ("chat", "2", 2))
        setup.loop.run()
        #expect(sink.text == "ab12")
    }

    @Test("After leaving nothing that waited comes any more, unless another join brings it")
    func leaving() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("sensors/a", "sensors/b", "sensors/+", sink: sink)
        let rooms = try ["sensors/a", "sensors/b", "sensors/+"].map { try TopicFilter($0) }
        for room in rooms { setup.shard.setInterval(.seconds(1), for: room, of: client) }
        setup.publish(("sensors/a", "1"), ("sensors/b", "2"))
        setup.publish(("sensors/a", "3"), ("sensors/b", "4"))
        setup.loop.run()
        setup.shard.leave(client, rooms[2])
        setup.shard.leave(client, rooms[1])
        advance(setup, 2000)
        #expect(sink.text == "123")
        setup.shard.leave(client, rooms[0])
        #expect(client.control == nil)
    }

    @Test("What waits goes with the client")
    func gone() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("sensors/a", sink: sink)
        let room = try TopicFilter("sensors/a")
        setup.shard.setInterval(.seconds(1), for: room, of: client)
        setup.publish(("sensors/a", "1"))
        setup.publish(("sensors/a", "2"))
        setup.loop.run()
        setup.shard.disconnect(client)
        advance(setup, 2000)
        #expect(sink.text == "1")
    }

    @Test("A join without a limit brings what is newer at once, and never an older value after it")
    func coveringJoin() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("sensors/a", sink: sink)
        setup.shard.setInterval(.seconds(1000), for: try TopicFilter("sensors/a"), of: client)
        setup.publish(("sensors/a", "1"))
        setup.publish(("sensors/a", "2"))
        setup.loop.run()
        setup.shard.join(client, try TopicFilter("sensors/#"))
        setup.publish(("sensors/a", "3"))
        setup.loop.run()
        #expect(sink.text == "13")
        advance(setup, 2_000_000)
        #expect(sink.text == "13")
    }

    @Test("A higher rate counts at once for what waits already")
    func raisedRate() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let filter = try TopicFilter("sensors/a")
        let client = try setup.join("sensors/a", sink: sink)
        setup.shard.setInterval(.seconds(1000), for: filter, of: client)
        setup.publish(("sensors/a", "1"))
        setup.publish(("sensors/a", "2"))
        setup.loop.run()
        advance(setup, 500)
        setup.shard.setInterval(.seconds(1), for: filter, of: client)
        advance(setup, 600)
        #expect(sink.text == "12")
    }

    @Test("What waits for a rate is bounded in bytes; beyond it readings come as they are")
    func bytes() throws {
        let setup = try HubFixture(queueBytes: 1000)
        let sink = Sink()
        let client = try setup.join("sensors/#", sink: sink)
        setup.shard.setInterval(.seconds(1000), for: try TopicFilter("sensors/#"), of: client)
        let text = String(repeating: "x", count: 100)
        for round in 1...2 { for device in 0..<30 { setup.publish(("sensors/\(device)", "\(round)\(text)")) } }
        setup.loop.run()
        #expect(sink.text.matches(of: /2x/).count >= 20)
    }

    @Test("Leaving looks at no series: the messages that wait are discarded when they are due")
    func leavingIsCheap() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let all = try TopicFilter("sensors/#")
        let client = try setup.join("sensors/#", sink: sink)
        setup.shard.setInterval(.seconds(1000), for: all, of: client)
        for round in ["1", "2"] { for device in 0..<100 { setup.publish(("sensors/\(device)", round)) } }
        setup.loop.run()
        setup.shard.leave(client, all)
        #expect(client.control?.pacer?.isWaiting == true)
        advance(setup, 1_000_000)
        #expect(client.control == nil)
        #expect(sink.text.count == 100)
    }

    @Test("A client that changes its joins all the time has what waits looked at once a second")
    func reviews() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("sensors/#", sink: sink)
        let all = try TopicFilter("sensors/#")
        setup.shard.setInterval(.seconds(1000), for: all, of: client)
        for round in ["1", "2"] { for device in 0..<100 { setup.publish(("sensors/\(device)", round)) } }
        setup.loop.run()
        #expect(sink.text.count == 100)
        // The rate is raised, and raised again half a second later. The second change takes effect one second after the
        // first.
        setup.shard.setInterval(.seconds(900), for: all, of: client)
        advance(setup, 500)
        setup.shard.setInterval(.milliseconds(100), for: all, of: client)
        advance(setup, 400)
        #expect(sink.text.count == 100)
        advance(setup, 300)
        #expect(sink.text.count == 200)
    }

    @Test("A snapshot takes the place of an older value that waits for its time")
    func snapshot() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let filter = try TopicFilter("sensors/a")
        let client = try setup.join("sensors/a", sink: sink)
        setup.shard.setInterval(.seconds(10), for: filter, of: client)
        setup.publish(("sensors/a", "1"))
        setup.publish(("sensors/a", "2"))
        setup.loop.run()
        setup.shard.leave(client, filter)
        setup.shard.setInterval(.seconds(10), for: filter, of: client)
        setup.shard.join(client, filter)
        let key = ConflationKey(rawValue: UInt64("sensors/a".hashValue.magnitude))
        setup.shard.send(
            [
                Message(
                    type: .dataUpdate, room: "sensors/a", payload: Array("3".utf8),
                    timestamp: Timestamp(nanosecondsSinceEpoch: 0), delivery: .conflatable(key: key))
            ], to: client)
        advance(setup, 30_000)
        #expect(sink.text == "13")
    }
}
