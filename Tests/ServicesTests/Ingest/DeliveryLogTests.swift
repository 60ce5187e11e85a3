import MQTTTransport
import Testing

@testable import Services

/// What the broker sends again is known by its place among what came before, and by nothing else.
@Suite("Redeliveries")
struct DeliveryLogTests {
    private static func message(_ id: UInt16, _ payload: String = "1", qos: MQTTQoS = .atLeastOnce) -> MQTTMessage {
        MQTTMessage(topic: "t", payload: Array(payload.utf8), qos: qos, packetID: id)
    }

    private static func log(_ messages: [MQTTMessage], capacity: Int = 10) -> DeliveryLog {
        var log = DeliveryLog(capacity: capacity)
        for message in messages { log.committed([.init(message)], number: log.nextNumber) }
        return log
    }

    private static func repeated(_ log: inout DeliveryLog, _ messages: [MQTTMessage]) -> [Bool] {
        messages.map { log.isRepeated($0) }
    }

    @Test("Without a session that was kept nothing is a repetition")
    func fresh() {
        var log = Self.log([Self.message(1), Self.message(2)])
        #expect(Self.repeated(&log, [Self.message(1), Self.message(2)]) == [false, false])
    }

    @Test("What was not acknowledged comes again in order, and what follows is new")
    func resumed() {
        var log = Self.log((1...5).map { Self.message($0) })
        log.resume()
        // 1 and 2 had been acknowledged; 6 was never taken.
        #expect(
            Self.repeated(&log, [3, 4, 5, 6, 5].map { Self.message($0) }) == [true, true, true, false, false])
    }

    @Test("The first message that is new ends the comparison, even if a later one looks known")
    func ended() {
        var log = Self.log((1...3).map { Self.message($0) })
        log.resume()
        #expect(Self.repeated(&log, [Self.message(9), Self.message(2)]) == [false, false])
    }

    @Test("Topic, payload and packet id all count; the order does, too")
    func identity() {
        var log = Self.log([Self.message(1), Self.message(2), Self.message(3)])
        log.resume()
        #expect(Self.repeated(&log, [Self.message(1, "2")]) == [false])
        log.resume()
        #expect(
            Self.repeated(&log, [MQTTMessage(topic: "u", payload: [49], qos: .atLeastOnce, packetID: 1)]) == [false])
        log.resume()
        #expect(Self.repeated(&log, [Self.message(2), Self.message(1)]) == [true, false])
    }

    @Test("QoS 0 in between is neither known nor the end")
    func bestEffort() {
        var log = Self.log([Self.message(1), Self.message(2)])
        log.resume()
        let sent = [Self.message(1), Self.message(0, qos: .atMostOnce), Self.message(2)]
        #expect(Self.repeated(&log, sent) == [true, false, true])
    }

    @Test("A new session forgets everything")
    func reset() {
        var log = Self.log([Self.message(1)])
        log.reset()
        log.resume()
        #expect(Self.repeated(&log, [Self.message(1)]) == [false])
    }

    @Test("Batches are given up once the rest is as many as can be unacknowledged, and not before")
    func capacity() {
        var log = DeliveryLog(capacity: 4)
        func entries(_ ids: ClosedRange<UInt16>) -> [DeliveryLog.Entry] { ids.map { .init(Self.message($0)) } }
        log.committed(entries(1...3), number: 1)
        #expect(log.obsolete(adding: 3) == nil, "2 more than needed, and the first batch has 3")
        log.committed(entries(4...6), number: 2)
        #expect(log.obsolete(adding: 1) == 1)
        log.committed(entries(7...7), number: 3)
        log.resume()
        #expect(Self.repeated(&log, (4...8).map { Self.message($0) }) == [true, true, true, true, false])
    }

    @Test("What was stored is read back as it was")
    func bytes() {
        let entries = [DeliveryLog.Entry(Self.message(1)), DeliveryLog.Entry(Self.message(65_535, "x"))]
        #expect(DeliveryLog.entries(DeliveryLog.bytes(entries)) == entries)
        #expect(DeliveryLog.bytes(entries).count == 20)
        var log = DeliveryLog(capacity: 4, stored: [(7, DeliveryLog.bytes(entries))])
        #expect(log.nextNumber == 8)
        log.resume()
        #expect(Self.repeated(&log, [Self.message(1), Self.message(65_535, "x")]) == [true, true])
    }
}
