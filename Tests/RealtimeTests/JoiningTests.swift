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

    @Test("Live messages wait for the history, and messages in the history are not repeated")
    func replay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("other", sink: sink)
        let room = try TopicFilter("chat")
        #expect(setup.shard.joinHolding(client, room))
        setup.say(("chat", "[3]", 3), ("other", "(x)", 1), ("chat", "[4]", 4))
        setup.loop.run()
        #expect(sink.text == "(x)", "only messages of the joined room wait")
        setup.shard.release(
            client, in: "chat",
            [HubFixture.chat("", "joined", nil), HubFixture.chat("chat", "[2]", 2), HubFixture.chat("chat", "[3]", 3)],
            through: 3)
        setup.loop.run()
        setup.say(("chat", "[5]", 5))
        setup.loop.run()
        #expect(sink.text == "(x)joined[2][3][4][5]")
        #expect(client.control == nil, "no state of the join is left")
    }

    @Test("A long replay is read page by page as the socket accepts it; live messages follow it")
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
        #expect(told <= 100, "for a client that does not read, only one page is fetched and queued")
        #expect(sink.closed == nil, "a replay does not count towards the queue limit")
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

    @Test("The cost of a page covers its messages, their bytes and the search")
    func pageCost() {
        let small = HubFixture.chat("chat", "hello", 1)
        let large = HubFixture.chat("chat", String(repeating: "x", count: 10_240), 2)
        #expect(Replay.Page([small, small], isLast: true).cost == 2)
        #expect(Replay.Page([small, large], isLast: true).cost == 12)
        #expect(Replay.Page([], isLast: false, examinedCount: 1024).cost == 102)
    }

    @Test("The next page is read only after the client has paid for the previous one")
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
        #expect(sink.text == "joined:1,2,3,4,", "live messages follow the last page without a wait")
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

    @Test("Conflatable messages that a join holds back are conflated, so they never reach the limit")
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
        "At most eight pages are read from the database at a time; all waiting replays get their turn"
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

    @Test("A replay that fails closes the client, so that it reconnects")
    func brokenReplay() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.joinHolding("chat", sink: sink)
        setup.shard.release(client, in: "chat", [], through: 9, next: { take in take(nil) })
        setup.loop.run()
        #expect(sink.closed == .slowClient)
    }

    @Test("The messages held back by all joins of a client are limited together, in number and bytes")
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

    @Test("A repeated join replays again; leaving ends the replay")
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

    @Test("A client is closed if too many live messages arrive before the history was read")
    func overflow() throws {
        let setup = try HubFixture()
        let sink = Sink()
        _ = try setup.joinHolding("chat", sink: sink)
        for offset in 1...ClientFlowControl.maxHeld { setup.say(("chat", "x", Int64(offset))) }
        setup.loop.run()
        #expect(sink.closed == nil)
        setup.say(("chat", "x", 5000))
        setup.loop.run()
        #expect(sink.closed == .slowClient)
    }

    @Test("A client may disconnect while the history is read")
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
