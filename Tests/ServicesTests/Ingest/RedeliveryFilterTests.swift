import MQTTTransport
import Testing

@testable import Services

/// Redeliveries are recognised only by their position relative to earlier messages.
@Suite("Redelivery filter")
struct RedeliveryFilterTests {
    private static func message(
        _ id: UInt16, _ payload: String = "1", qos: MQTTQoS = .atLeastOnce, isDuplicate: Bool? = nil
    ) -> MQTTMessage {
        MQTTMessage(topic: "t", payload: Array(payload.utf8), qos: qos, packetID: id, isDuplicate: isDuplicate)
    }

    private static func log(_ messages: [MQTTMessage], capacity: Int = 10) -> RedeliveryFilter {
        var log = RedeliveryFilter(capacity: capacity)
        for message in messages { take(message, &log) }
        return log
    }

    private static func take(_ message: MQTTMessage, _ log: inout RedeliveryFilter) {
        log.committed(log.change(adding: [.init(message)]))
    }

    private static func repeated(_ log: inout RedeliveryFilter, _ messages: [MQTTMessage]) -> [Bool] {
        messages.map { log.isRepeated($0) }
    }

    @Test("Without a resumed session, nothing is a redelivery")
    func fresh() {
        var log = Self.log([Self.message(1), Self.message(2)])
        #expect(Self.repeated(&log, [Self.message(1), Self.message(2)]) == [false, false])
    }

    @Test("After a resume, known messages in order are redeliveries, and those that follow are new")
    func resumed() {
        var log = Self.log((1...5).map { Self.message($0) })
        log.resume()
        // 1 and 2 were acknowledged; 6 was never accepted.
        #expect(
            Self.repeated(&log, [3, 4, 5, 6, 5].map { Self.message($0) }) == [true, true, true, false, false])
    }

    @Test("The first new message ends the comparison, even if a later one looks known")
    func ended() {
        var log = Self.log((1...3).map { Self.message($0) })
        log.resume()
        #expect(Self.repeated(&log, [Self.message(9), Self.message(2)]) == [false, false])
    }

    @Test("Topic, payload, packet id and order must all match")
    func identity() {
        func repeated(_ messages: MQTTMessage...) -> [Bool] {
            var log = Self.log((1...3).map { Self.message($0) })
            log.resume()
            return Self.repeated(&log, messages)
        }
        #expect(repeated(Self.message(1, "2")) == [false])
        #expect(repeated(MQTTMessage(topic: "u", payload: [49], qos: .atLeastOnce, packetID: 1)) == [false])
        #expect(repeated(Self.message(4)) == [false])
        #expect(repeated(Self.message(2), Self.message(1)) == [true, false])
    }

    @Test("A QoS 0 message in between is new but does not end the comparison")
    func bestEffort() {
        var log = Self.log([Self.message(1), Self.message(2)])
        log.resume()
        let sent = [Self.message(1), Self.message(0, qos: .atMostOnce), Self.message(2)]
        #expect(Self.repeated(&log, sent) == [true, false, true])
    }

    @Test("A message without the DUP flag is new and ends the comparison, even if it looks known")
    func flagged() {
        var log = Self.log((8...13).map { Self.message($0) })
        log.resume()
        // The broker was killed and reuses the packet ids that it assigned after its last save.
        let sent = [Self.message(8, isDuplicate: true), Self.message(9, isDuplicate: false), Self.message(10)]
        #expect(Self.repeated(&log, sent) == [true, false, false])
        log = Self.log([Self.message(1)])
        log.resume()
        #expect(Self.repeated(&log, [Self.message(2, isDuplicate: true)]) == [false], "sent, but never accepted")
    }

    @Test("A reused packet id stands for its last message only")
    func idsGivenAgain() {
        // Equal values with the lowest free packet ids.
        var log = Self.log([1, 2, 1, 3, 1].map { Self.message($0) })
        log.resume()
        let sent = [1, 2, 3].map { Self.message($0, isDuplicate: true) }
        #expect(Self.repeated(&log, sent) == [true, false, false], "2 and 3 had been acknowledged before the last 1")
        log = Self.log([Self.message(1, "a"), Self.message(1, "b")])
        log.resume()
        #expect(Self.repeated(&log, [Self.message(1, "a", isDuplicate: true)]) == [false])
    }

    @Test("When a new message arrives, entries that were not redelivered are dropped, also in storage")
    func cut() {
        var log = Self.log((5...13).map { Self.message($0) })
        log.resume()
        let sent = [Self.message(7, isDuplicate: true), Self.message(8, isDuplicate: true)]
        #expect(Self.repeated(&log, sent + [Self.message(9, isDuplicate: false)]) == [true, true, false])
        let change = log.change(adding: [.init(Self.message(9))])
        #expect(change.obsolete == 9, "all stored batches")
        #expect(change.batches.map(\.number) == [10])
        #expect(change.batches.flatMap(\.entries).map(\.packetID) == [7, 8, 9])
        log.committed(change)
        #expect(log.change(adding: []).obsolete == nil, "the change is made once")
        Self.take(Self.message(10), &log)
        // The connection breaks; 11 was sent but never read.
        log.resume()
        #expect(Self.repeated(&log, (8...11).map { Self.message($0, isDuplicate: true) }) == [true, true, true, false])
    }

    @Test("The entries left by a comparison are stored in batches and read back unchanged")
    func cutIsStored() {
        var log = RedeliveryFilter(capacity: 2000)
        log.committed(log.change(adding: (1...1500).map { .init(Self.message($0)) }))
        log.resume()
        #expect(!Self.repeated(&log, (101...1500).map { Self.message($0, isDuplicate: true) }).contains(false))
        #expect(log.isRepeated(Self.message(1501)) == false)
        let change = log.change(adding: [.init(Self.message(1501))])
        #expect(change.batches.map(\.entries.count) == [512, 512, 377])
        var other = RedeliveryFilter(
            capacity: 2000, stored: change.batches.map { ($0.number, RedeliveryFilter.bytes($0.entries)) })
        #expect(other.nextNumber == 5)
        other.resume()
        #expect(Self.repeated(&other, [100, 1501].map { Self.message($0) }) == [false, false])
        other.resume()
        #expect(Self.repeated(&other, [1501].map { Self.message($0) }) == [false], "dropped by the mismatch")
    }

    @Test("With the largest receive maximum, the list stays below the number of packet ids", arguments: [1, 65_535])
    func fewerThanPacketIDs(receiveMaximum: Int) {
        let configuration = IngestStore.Configuration(clientID: "a", receiveMaximum: receiveMaximum)
        #expect(configuration.deliveryCapacity >= 16_384)
        var log = RedeliveryFilter(capacity: configuration.deliveryCapacity)
        let entries = Array(repeating: RedeliveryFilter.Entry(Self.message(1)), count: 512)
        var most = 0
        for _ in 0..<300 {
            log.committed(log.change(adding: entries))
            most = max(most, log.count)
        }
        #expect(most >= configuration.deliveryCapacity && most < 65_535)
    }

    @Test("A batch is dropped once the later ones hold as many messages as can be unacknowledged, not before")
    func capacity() {
        var log = RedeliveryFilter(capacity: 4)
        func entries(_ ids: ClosedRange<UInt16>) -> [RedeliveryFilter.Entry] { ids.map { .init(Self.message($0)) } }
        func commit(_ ids: ClosedRange<UInt16>) { log.committed(log.change(adding: entries(ids))) }
        commit(1...3)
        #expect(log.change(adding: entries(4...6)).obsolete == nil, "2 more than needed, and the first batch has 3")
        commit(4...6)
        #expect(log.change(adding: entries(7...7)).obsolete == 1)
        commit(7...7)
        log.resume()
        #expect(Self.repeated(&log, (4...8).map { Self.message($0) }) == [true, true, true, true, false])
    }

    @Test("Stored entries are read back unchanged")
    func bytes() {
        let entries = [RedeliveryFilter.Entry(Self.message(1)), RedeliveryFilter.Entry(Self.message(65_535, "x"))]
        #expect(RedeliveryFilter.entries(RedeliveryFilter.bytes(entries)) == entries)
        #expect(RedeliveryFilter.bytes(entries).count == 20)
        var log = RedeliveryFilter(capacity: 4, stored: [(7, RedeliveryFilter.bytes(entries))])
        #expect(log.nextNumber == 8)
        log.resume()
        #expect(Self.repeated(&log, [Self.message(1), Self.message(65_535, "x")]) == [true, true])
    }
}
