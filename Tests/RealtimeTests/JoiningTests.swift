import Core
import NIOCore
import NIOEmbedded
import Telemetry
import Testing

@testable import Realtime

/// A client that joins a room with history gets the missed messages, then those published meanwhile, then new ones,
/// each exactly once.
@Suite("Joining with a replay")
struct JoiningTests {
    typealias Sink = HubFixture.Sink

    @Test("What is said while the history is read waits, and what the history held already is not told twice")
    func replay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("other", sink: sink)
        let room = try TopicFilter("chat")
        #expect(setup.shard.joinHolding(client, room))
        setup.say(("chat", "[3]", 3), ("other", "(x)", 1), ("chat", "[4]", 4))
        setup.loop.run()
        #expect(sink.text == "(x)", "only the room that is being joined waits")
        setup.shard.release(
            client, in: "chat",
            [HubFixture.chat("", "joined", nil), HubFixture.chat("chat", "[2]", 2), HubFixture.chat("chat", "[3]", 3)],
            through: 3)
        setup.loop.run()
        setup.say(("chat", "[5]", 5))
        setup.loop.run()
        #expect(sink.text == "(x)joined[2][3][4][5]")
        #expect(client.control == nil, "nothing is left of the join")
    }

    @Test("A long replay is read page by page as the socket takes it; what is said meanwhile comes after it")
    func longReplay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        sink.capacity = 100
        let client = try setup.joinHolding("chat", sink: sink)
        var told = 0
        nonisolated(unsafe) var isCompleted = false  // the loop runs on this thread
        setup.shard.release(
            client, in: "chat", [HubFixture.chat("", "joined:", nil)], through: 500,
            next: { take in
                let page = (told + 1...told + 50).map { HubFixture.chat("chat", "\($0),", Int64($0)) }
                told += 50
                take(Replay.Page(page, isLast: told == 500))
            },
            completion: { isCompleted = true })
        setup.say(("chat", "501,", 501))
        setup.loop.run()
        #expect(told <= 100, "of a client that reads nothing one page waits, and nothing more is read")
        #expect(sink.closed == nil, "a replay does not count as messages that pile up")
        while !sink.isWritable {
            sink.drain()
            setup.shard.resume(client)
            setup.loop.run()
        }
        setup.say(("chat", "502,", 502))
        setup.loop.run()
        while !sink.isWritable {
            sink.drain()
            setup.shard.resume(client)
            setup.loop.run()
        }
        #expect(sink.text == "joined:" + (1...502).map { "\($0)," }.joined())
        #expect(client.control == nil)
        #expect(isCompleted)
        #expect(sink.replayed == Array(repeating: 50, count: 10))
    }

    @Test("A page costs its messages, their bytes and the search for them")
    func pageCost() {
        let small = HubFixture.chat("chat", "hello", 1)
        let large = HubFixture.chat("chat", String(repeating: "x", count: 10_240), 2)
        #expect(Replay.Page([small, small], isLast: true).cost == 2)
        #expect(Replay.Page([small, large], isLast: true).cost == 12)
        #expect(Replay.Page([], isLast: false, examinedCount: 1024).cost == 102)
    }

    @Test("The next page is read when the one before is paid for, however often the socket takes bytes meanwhile")
    func paidReplay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        sink.replayRest = .seconds(5)
        let client = try setup.joinHolding("chat", sink: sink)
        var told = 0
        let page: Replay.NextPage = { take in
            told += 1
            take(Replay.Page([HubFixture.chat("chat", "\(told),", Int64(told))], isLast: told == 3))
        }
        setup.shard.release(client, in: "chat", [HubFixture.chat("", "joined:", nil)], through: 3, next: page)
        setup.say(("chat", "4,", 4))
        for expected in ["joined:1,", "joined:1,2,"] {
            setup.loop.run()
            setup.shard.resume(client)
            setup.loop.advanceTime(by: .seconds(4))
            #expect(sink.text == expected)
            setup.loop.advanceTime(by: .seconds(1))
        }
        #expect(sink.text == "joined:1,2,3,4,", "after the last page nothing waits")
        // A snapshot's first page is sent with the answer and is charged as well.
        told = 1
        setup.shard.replay(
            to: client, [HubFixture.chat("", "again:", nil)],
            first: Replay.Page([HubFixture.chat("chat", "1,", nil)], isLast: false), completion: {}, next: page)
        setup.loop.advanceTime(by: .seconds(4))
        #expect(sink.text.hasSuffix("again:1,"))
        setup.loop.advanceTime(by: .seconds(6))
        #expect(sink.text.hasSuffix("again:1,2,3,"))
        #expect(sink.replayed == [1, 1, 1, 1, 1, 1])
        // A client that disconnects during its pause affects no other client.
        told = 1
        setup.shard.replay(
            to: client, [], first: Replay.Page([], isLast: false), completion: {}, next: page)
        setup.shard.disconnect(client)
        setup.loop.advanceTime(by: .seconds(9))
        #expect(told == 1)
    }

    @Test("Of messages of which only the latest counts one waits for a join, so that they never fill it")
    func conflatableHeld() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.joinHolding("chat", sink: sink)
        for number in 1...ClientFlowControl.maxHeld * 2 { setup.publish(("chat", "p\(number),")) }
        setup.say(("chat", "1,", 1), ("chat", "2,", 2))
        setup.publish(("chat", "last,"))
        setup.loop.run()
        #expect(sink.closed == nil)
        setup.shard.release(client, in: "chat", [HubFixture.chat("", "joined:", nil)], through: 1)
        setup.loop.run()
        #expect(sink.text == "joined:2,last,")
        #expect(client.control == nil)
    }

    @Test(
        "Few pages are read from the database at a time; other replays go past those that wait, and nobody stays behind"
    )
    func pagesAtATime() throws {
        let setup = try HubFixture()
        nonisolated(unsafe) var asked: [@Sendable (Replay.Page?) -> Void] = []  // the loop runs on this thread
        let sinks = (0..<20).map { _ in Sink() }
        let clients = try sinks.map { try setup.joinHolding("chat", sink: $0) }
        for client in clients {
            setup.shard.release(client, in: "chat", [], through: 1, next: { asked.append($0) })
        }
        let snapshot = Sink()
        setup.shard.replay(
            to: try setup.join(sink: snapshot), [], first: Replay.Page([], isLast: false), completion: {}
        ) { take in
            take(Replay.Page([HubFixture.chat("sensors", "latest", nil)], isLast: true))
        }
        setup.loop.run()
        #expect(asked.count == 8)
        #expect(snapshot.text == "latest")
        // Some clients disconnect while they wait; their turns go to others.
        for client in clients[10..<15] { setup.shard.disconnect(client) }
        var answered = 0
        while answered < asked.count {
            asked[answered](Replay.Page([HubFixture.chat("chat", "missed", 1)], isLast: true))
            answered += 1
            setup.loop.run()
            #expect(asked.count - answered <= 8)
        }
        #expect(sinks.filter { $0.text == "missed" }.count == 15)
    }

    @Test("A replay that cannot go on closes the client, which then comes back")
    func brokenReplay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.joinHolding("chat", sink: sink)
        setup.shard.release(client, in: "chat", [], through: 9, next: { take in take(nil) })
        setup.loop.run()
        #expect(sink.closed == .slowClient)
    }

    @Test("All that a client's joins hold back is bounded together, in messages and bytes")
    func heldTogether() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join(sink: sink)
        for room in 0..<8 { setup.shard.joinHolding(client, try TopicFilter("chat/\(room)")) }
        let text = String(repeating: "x", count: ClientFlowControl.maxHeldBytes / 16)
        for offset in 1...2 { for room in 0..<8 { setup.say(("chat/\(room)", text, Int64(offset))) } }
        setup.loop.run()
        #expect(sink.closed == nil)
        setup.say(("chat/0", "x", 3))
        setup.loop.run()
        #expect(sink.closed == .slowClient)
    }

    @Test("Joining again replays again; leaving meanwhile ends it")
    func againAndLeft() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let room = try TopicFilter("chat")
        let client = try setup.join("chat", sink: sink)
        #expect(!setup.shard.joinHolding(client, room))
        setup.say(("chat", "2", 2))
        setup.loop.run()
        setup.shard.release(client, in: "chat", [HubFixture.chat("chat", "1", 1)], through: 1)
        setup.loop.run()
        #expect(sink.text == "12")
        setup.shard.joinHolding(client, room)
        setup.shard.leave(client, room)
        setup.say(("chat", "3", 3))
        setup.shard.release(client, in: "chat", [HubFixture.chat("", "answer", nil)], through: 3)
        setup.loop.run()
        #expect(sink.text == "12answer")
    }

    @Test("When too much is said before the history was read, the client is closed and recovers")
    func overflow() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.joinHolding("chat", sink: sink)
        for offset in 1...ClientFlowControl.maxHeld { setup.say(("chat", "x", Int64(offset))) }
        setup.loop.run()
        #expect(sink.closed == nil)
        setup.say(("chat", "x", 5000))
        setup.loop.run()
        #expect(sink.closed == .slowClient)
    }

    @Test("A client that goes while the history is read hurts nobody")
    func gone() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.joinHolding("chat", sink: sink)
        setup.shard.disconnect(client)
        setup.shard.release(client, in: "chat", [HubFixture.chat("", "answer", nil)], through: 0)
        setup.loop.run()
        #expect(sink.written.isEmpty)
        #expect(!setup.shard.joinHolding(client, try TopicFilter("chat")))
    }
}
