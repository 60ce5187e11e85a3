import Core
import NIOEmbedded
import OTLP
import TestSupport
import Testing
import Tracing

@testable import Realtime

/// A sampled message is traced to the sockets: one span for the broadcast and one for each chosen delivery. Only the
/// chosen deliveries ask the client to continue the trace.
@Suite("Spans of broadcasts and deliveries")
struct HubTracingTests {
    typealias Sink = HubFixture.Sink

    /// Records the reported deliveries.
    final class Observer: DeliveryObserver {
        let told = Lock<[DeliveryReport]>([])
        func delivered(_ deliveries: [DeliveryReport], at time: Timestamp) {
            told.withLock { $0 += deliveries }
        }
    }

    private let log = SpanLog()
    private let observer = Observer()

    private func fixture(
        queueBytes: Int = 1 << 20, sendsPerMessage: Int = 4, sendsPerSecond: Int = 200
    ) throws -> HubFixture {
        try HubFixture(
            queueBytes: queueBytes,
            tracing: HubTracing(
                tracer: log.tracer(), observer: observer, sendsPerMessage: sendsPerMessage,
                sendsPerSecond: sendsPerSecond))
    }

    private func message(_ text: String, isSampled: Bool = true, key: UInt64 = 1) throws -> Message {
        let parent = try #require(
            TraceContext(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(isSampled ? "01" : "00")")
        )
        var message = Message(
            type: .dataUpdate, room: "sensors/a", payload: Array(text.utf8),
            timestamp: Timestamp(nanosecondsSinceEpoch: 0), delivery: .conflatable(key: ConflationKey(rawValue: key)))
        message.messageTrace = MessageTrace(subject: "a", parent: parent)
        return message
    }

    /// Returns the `traceparent` values that a socket received.
    private func contexts(_ sink: Sink) -> [TraceContext] {
        sink.text.split(separator: "<").compactMap { part in
            part.firstIndex(of: ">").flatMap { TraceContext(traceparent: part[..<$0]) }
        }
    }

    @Test("Four recipients get a send span and flag 01, the others the broadcast's span and flag 00")
    func chosen() throws {
        let setup = try fixture()
        let sinks = (0..<10).map { _ in Sink() }
        for sink in sinks { _ = try setup.join("sensors/a", sink: sink) }
        setup.hub.publish([try message("x")])
        setup.loop.run()

        let broadcast = try #require(log.named("hub.broadcast").first)
        #expect(broadcast.parent?.spanIDText == "b7ad6b7169203331")
        #expect(broadcast.attributes.get("recipients.count") == .int64(10))
        let sends = log.named("websocket.send")
        #expect(sends.count == 4)
        #expect(sends.allSatisfy { $0.kind == .producer && $0.parent?.spanID == broadcast.context.spanID })
        let received = try sinks.map { try #require(contexts($0).first) }
        #expect(sinks.allSatisfy { $0.text.hasPrefix("x<") && contexts($0).count == 1 })
        #expect(Set(received.filter(\.isSampled).map(\.spanID)) == Set(sends.map(\.context.spanID)))
        #expect(received.filter { !$0.isSampled }.allSatisfy { $0.spanID == broadcast.context.spanID })
        #expect(received.count(where: \.isSampled) == 4)
        #expect(received.allSatisfy { $0.traceIDText == "0af7651916cd43dd8448eb211c80319c" })
    }

    @Test("The budget per second limits spans, not deliveries")
    func budget() throws {
        let setup = try fixture(sendsPerSecond: 5)
        let sinks = (0..<4).map { _ in Sink() }
        for sink in sinks { _ = try setup.join("sensors/a", sink: sink) }
        for text in ["1", "2", "3"] { setup.hub.publish([try message(text)]) }
        setup.loop.run()
        #expect(log.named("websocket.send").count == 5)
        #expect(log.named("hub.broadcast").count == 3)
        for sink in sinks { #expect(contexts(sink).count == 3) }
    }

    @Test("An unsampled message has no spans and no trace id, but is reported to the observer")
    func unsampled() throws {
        let setup = try fixture()
        let sink = Sink()
        _ = try setup.join("sensors/a", sink: sink)
        setup.hub.publish([try message("x", isSampled: false)])
        setup.loop.run()
        #expect(sink.text == "x")
        #expect(log.all.isEmpty)
        let told = observer.told.withLock { $0 }
        #expect(told.map(\.recipientCount) == [1])
        #expect(told.first?.isTraced == false)
        #expect(told.first?.claim() == true)
        #expect(told.first?.claim() == false, "a claim succeeds once")
    }

    @Test("A traced message keeps its position among the others")
    func order() throws {
        let setup = try fixture()
        let sinks = (0..<6).map { _ in Sink() }
        for sink in sinks { _ = try setup.join("sensors/a", sink: sink) }
        setup.hub.publish([
            try message("1", isSampled: false), try message("2"), try message("3", isSampled: false),
            try message("4"),
        ])
        setup.loop.run()
        for sink in sinks {
            let values = sink.text.replacing(#/<[^>]*>/#, with: "")
            #expect(values == "1234")
        }
    }

    @Test("Without clients, the broadcast ends with zero recipients")
    func nobody() throws {
        let setup = try fixture()
        setup.hub.publish([try message("x")])
        #expect(log.named("hub.broadcast").first?.attributes.get("recipients.count") == .int64(0))
    }

    @Test("The span of a queued delivery ends when the message is written, or in error when it is dropped")
    func slowClient() throws {
        let setup = try fixture(queueBytes: 300)
        let sink = Sink()
        let client = try setup.join("sensors/a", sink: sink)
        sink.isWritable = false
        setup.hub.publish([try message(String(repeating: "x", count: 100))])
        setup.loop.run()
        #expect(log.named("websocket.send").isEmpty, "the message is still queued")
        setup.hub.publish([try message(String(repeating: "y", count: 100)), try message("last")])
        setup.loop.run()
        let dropped = log.named("websocket.send")
        #expect(!dropped.isEmpty)
        #expect(dropped.allSatisfy { $0.status?.code == .error })
        sink.drain()
        setup.shard.resume(client)
        let written = log.named("websocket.send").filter { $0.status == nil }
        #expect(written.count == 3 - dropped.count)
        #expect(contexts(sink).count == written.count)
    }

    @Test("A disconnect ends the spans of queued messages in error")
    func leaving() throws {
        let setup = try fixture()
        let sink = Sink()
        let client = try setup.join("sensors/a", sink: sink)
        sink.isWritable = false
        setup.hub.publish([try message("x")])
        setup.loop.run()
        setup.shard.disconnect(client)
        #expect(log.named("websocket.send").map(\.status?.code) == [.error])
    }
}
