import Core
import Testing

@testable import MQTTTransport

@Suite("The queue of outgoing publications")
struct MQTTOutboundTests {
    private let shared = MQTTClientState(onStateChange: nil)
    private let results = Results()

    /// The outcomes of publications, in order.
    private final class Results: Sendable {
        private let ended = Lock<[String]>([])
        func append(_ text: String) { ended.withLock { $0.append(text) } }
        var all: [String] { ended.withLock { $0 } }
    }

    private func add(_ text: String, qos: MQTTQoS, to outbound: inout MQTTOutbound, isConnected: Bool = true) {
        #expect(shared.reserve(limit: 100))
        outbound.add(
            MQTTPublication(text, to: "t", qos: qos),
            completion: { [results] in
                results.append("\(text) \($0)")
            }, isConnected: isConnected)
    }

    /// Sends with packet ids assigned in descending order and returns the sent payloads.
    private func send(_ outbound: inout MQTTOutbound, firstID: Int32 = 100) throws -> [String] {
        var sent: [String] = []
        try outbound.send { publication throws(MQTTError) in
            sent.append(String(decoding: publication.payload, as: UTF8.self))
            return firstID - Int32(sent.count)
        }
        return sent
    }

    @Test("In-flight QoS 1 messages are resent first, in their original order")
    func keepsOrder() throws {
        var outbound = MQTTOutbound(shared: shared)
        for number in 1...20 { add("\(number)", qos: .atLeastOnce, to: &outbound) }
        #expect(try send(&outbound) == (1...20).map(String.init))
        outbound.completed(99, succeeded: true)
        add("21", qos: .atLeastOnce, to: &outbound)
        outbound.handleLost()
        #expect(try send(&outbound) == (2...21).map(String.init))
        #expect(results.all == ["1 true"])
    }

    @Test("Without a connection, QoS 0 is dropped and QoS 1 waits")
    func offline() throws {
        var outbound = MQTTOutbound(shared: shared)
        add("a", qos: .atMostOnce, to: &outbound, isConnected: false)
        add("b", qos: .atLeastOnce, to: &outbound, isConnected: false)
        add("c", qos: .atMostOnce, to: &outbound)
        outbound.connectionLost()
        #expect(results.all == ["a false", "c false"])
        #expect(try send(&outbound) == ["b"])
        #expect(shared.read(\.outstanding) == 1)
        #expect(shared.read(\.counters.publishDropped) == 2)
    }

    @Test("An invalid message is dropped alone; a broken connection drops nothing")
    func errors() throws {
        var outbound = MQTTOutbound(shared: shared)
        for text in ["a", "bad", "b", "c"] { add(text, qos: .atLeastOnce, to: &outbound) }
        #expect(throws: MQTTError.connectionFailed("gone")) {
            try outbound.send { publication throws(MQTTError) in
                let text = String(decoding: publication.payload, as: UTF8.self)
                if text == "bad" { throw .invalidPublication("bad") }
                if text == "b" { throw .connectionFailed("gone") }
                return 1
            }
        }
        #expect(results.all == ["bad false"])
        #expect(try send(&outbound) == ["b", "c"])
    }

    @Test("When packet ids wrap around, each publication completes once and frees its place")
    func packetIDsComeRound() throws {
        var outbound = MQTTOutbound(shared: shared)
        // One QoS 1 publication is in flight for long; its id is then reused at QoS 0 and at QoS 1.
        add("slow", qos: .atLeastOnce, to: &outbound)
        #expect(try send(&outbound) == ["slow"])
        add("quick", qos: .atMostOnce, to: &outbound)
        #expect(try send(&outbound) == ["quick"])
        outbound.completed(99, succeeded: true)
        #expect(results.all == ["quick true"])
        add("next", qos: .atLeastOnce, to: &outbound)
        #expect(try send(&outbound) == ["next"])
        outbound.completed(99, succeeded: true)
        outbound.completed(99, succeeded: true)
        #expect(results.all == ["quick true", "slow false", "next true"])
        #expect(shared.read(\.outstanding) == 0)
    }

    @Test("The birth message is sent first, is not counted, and belongs to one connection")
    func birth() throws {
        var outbound = MQTTOutbound(shared: shared)
        add("a", qos: .atLeastOnce, to: &outbound)
        outbound.addFirst(MQTTPublication("online", to: "status"))
        outbound.connectionLost()
        outbound.addFirst(MQTTPublication("online again", to: "status"))
        #expect(try send(&outbound) == ["online again", "a"])
        outbound.completed(99, succeeded: true)
        outbound.completed(98, succeeded: true)
        #expect(shared.read(\.counters.publishCompleted) == 1)
        #expect(shared.read(\.outstanding) == 0)
    }
}
