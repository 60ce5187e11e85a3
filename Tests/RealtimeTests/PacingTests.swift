import Core
import NIOCore
import NIOEmbedded
import Telemetry
import Testing

@testable import Realtime

/// `max_rate_hz` delivers the latest value of each series at the given rate, and always the last one.
@Suite("Pacing by `max_rate_hz`")
struct PacingTests {
    typealias Sink = HubFixture.Sink

    private func advance(_ setup: HubFixture, _ milliseconds: Int64) {
        setup.loop.advanceTime(by: .milliseconds(milliseconds))
    }

    @Test("The first message is sent at once, of the early ones only the latest, and other clients are not delayed")
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
        #expect(slow.text == "13", "nothing is sent twice")
        setup.publish(("sensors/a", "4"))
        setup.loop.run()
        #expect(slow.text == "134", "after a pause the next is sent at once")
    }

    @Test("Of overlapping joins, the highest rate applies; removing a limit removes the pacing")
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

    @Test("Each series is paced on its own; reliable messages are not delayed")
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

    @Test("After leaving, waiting messages are discarded, unless another join matches them")
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

    @Test("A disconnected client's waiting messages are discarded")
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

    @Test("After a join without a limit, newer values are sent at once, and never an older one after them")
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

    @Test("A higher rate applies to waiting messages")
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

    @Test("Waiting messages are limited in bytes; beyond the limit, messages are not delayed")
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

    @Test("Waiting messages are reviewed at most once per second, however often a client changes its joins")
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

    @Test("A snapshot replaces an older waiting value")
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
