import Core
import NIOCore
import NIOEmbedded
import Telemetry
import Testing

@testable import Realtime

/// A socket may call back before `write`, `flush` or `close` returns. NIO reads on when a write fails, so the client's
/// commands may run in the middle of a tick.
@Suite("Sockets that call back into the shard")
struct CallbackTests {
    typealias Sink = HubFixture.Sink

    enum Place: CaseIterable { case write, flush }

    @Test(
        "Messages requested by a callback during a tick follow the tick; other clients are unaffected",
        arguments: Place.allCases)
    func answers(place: Place) throws {
        let setup = try HubFixture()
        let talkative = Sink()
        let quiet = [Sink(), Sink()]
        _ = try setup.join("chat", sink: quiet[0])
        let client = try setup.join("chat", sink: talkative)
        _ = try setup.join("chat", sink: quiet[1])
        var answers = 0
        let ask = {
            guard answers < 3 else { return }
            answers += 1
            setup.shard.send([HubFixture.chat("", "(\(answers))", nil)], to: client)
        }
        switch place {
        case .write: talkative.onWrite = ask
        case .flush: talkative.onFlush = ask
        }
        setup.say(("chat", "1", 1), ("chat", "2", 2), ("chat", "3", 3))
        setup.loop.run()
        setup.say(("chat", "4", 4))
        setup.loop.run()
        #expect(talkative.text == "123(1)(2)(3)4")
        for sink in quiet { #expect(sink.text == "1234") }
    }

    @Test("A full queue is written in portions with a flush each, and callbacks in between keep the order")
    func queueByFlushes() throws {
        let setup = try HubFixture()
        let sink = Sink()
        let client = try setup.join("chat", sink: sink)
        sink.isWritable = false
        let text = String(repeating: "x", count: 10_000)
        for number in 1...40 {
            setup.say(("chat", "(\(number))\(text)", Int64(number)))
            setup.loop.run()
        }
        sink.countsAtFlush = true
        sink.capacity = 200_000
        sink.isWritable = true
        var hasAsked = false
        sink.onFlush = {
            guard !hasAsked else { return }
            hasAsked = true
            setup.shard.send([HubFixture.chat("", "(answer)", nil)], to: client)
        }
        setup.shard.resume(client)
        setup.loop.run()
        #expect(sink.mostUnflushed < 80_000)
        #expect(!sink.isWritable, "the rest stays in the queue")
        #expect(sink.text.utf8.count < 280_000)
        sink.capacity = .max
        sink.isWritable = true
        setup.shard.resume(client)
        setup.loop.run()
        let order = sink.text.split(separator: text).map(String.init)
        #expect(order == (1...40).map { "(\($0))" } + ["(answer)"])
    }

    @Test("A large tick is written in portions with a flush each")
    func tickByFlushes() throws {
        let setup = try HubFixture()
        let sink = Sink()
        sink.countsAtFlush = true
        _ = try setup.join("sensors/#", sink: sink)
        let text = String(repeating: "x", count: 10_000)
        for number in 1...40 { setup.publish(("sensors/\(number)", text)) }
        setup.loop.run()
        #expect(sink.text.utf8.count == 400_000 && sink.mostUnflushed < 140_000, "\(sink.mostUnflushed)")
    }

    @Test("A client that joins, leaves and disconnects during a tick does not change that tick")
    func membership() throws {
        let setup = try HubFixture()
        let sinks = (0..<5).map { _ in Sink() }
        let clients = try sinks.map { try setup.join("chat", "sensors/#", sink: $0) }
        let other = try TopicFilter("other")
        for (index, sink) in sinks.enumerated() where index % 2 == 0 {
            sink.onFlush = {
                sink.onFlush = nil
                setup.shard.join(clients[index], other)
                setup.shard.leave(clients[index], other)
                setup.shard.setInterval(.seconds(1), for: other, of: clients[index])
                setup.shard.disconnect(clients[index])
            }
        }
        setup.say(("chat", "1", 1))
        setup.publish(("sensors/a", "a"))
        setup.loop.run()
        setup.say(("chat", "2", 2))
        setup.loop.run()
        for (index, sink) in sinks.enumerated() { #expect(sink.text == (index % 2 == 0 ? "1a" : "1a2")) }
    }

    @Test("A client that is closed during the fan-out of a message does not disturb it")
    func closing() throws {
        let setup = try HubFixture()
        let sinks = (0..<20).map { _ in Sink() }
        let clients = try sinks.map { try setup.join("chat", sink: $0) }
        let joining = Sink()
        let client = try setup.join(sink: joining)
        setup.shard.joinHolding(client, try TopicFilter("chat"))
        joining.onClose = {
            setup.shard.send([HubFixture.chat("", "private", nil)], to: client)
            setup.shard.disconnect(client)
        }
        for offset in 1...Int64(ClientFlowControl.maxHeld + 2) { setup.say(("chat", "x", offset)) }
        setup.loop.run()
        #expect(joining.closed == .slowClient)
        #expect(clients.count == sinks.count)
        for sink in sinks {
            #expect(!sink.text.contains("private"))
            #expect(sink.text.count == ClientFlowControl.maxHeld + 2)
        }
    }

    @Test("A queue that the socket drains during a flush is sent in order, without waiting for the next message")
    func resumed() throws {
        let setup = try HubFixture()
        let sink = Sink()
        sink.capacity = 3
        let client = try setup.join("chat", sink: sink)
        sink.onFlush = {
            guard !sink.isWritable else { return }
            sink.drain()
            setup.shard.resume(client)
        }
        for offset in 1...9 { setup.say(("chat", "\(offset)", Int64(offset))) }
        setup.loop.run()
        sink.onFlush = nil
        #expect(sink.text == "123456789")
        #expect(client.queuedByteCount == 0)
    }
}
