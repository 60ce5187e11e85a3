import Core
import Storage
import Testing

/// Rejected messages are kept, counted and bounded.
@Suite("Dead letters")
struct DeadLetterTests {
    private let fixture = StorageFixture()
    private let database: Database

    init() throws {
        database = try fixture.open()
    }

    private func add(_ topic: String, _ reason: String = "no_number", _ payload: String = "x", at second: Int64) throws
    {
        try database.write {
            try $0.add(
                DeadLetter(topic: topic, reason: reason, detail: "why", payload: Array(payload.utf8), at: at(second)),
                maxCount: 3)
        }
    }

    private func letters(before: Int64? = nil, reason: String? = nil) throws -> [DeadLetter] {
        try database.read { try $0.deadLetters(before: before, reason: reason, limit: 10) }
    }

    @Test("Equal topic and reason share one dead letter, with a count and the latest payload")
    func counting() throws {
        try add("a", at: 1)
        try add("a", "no_number", "y", at: 5)
        try add("a", "too_large", at: 3)
        let found = try letters()
        #expect(found.map { "\($0.topic) \($0.reason) \($0.count)" } == ["a no_number 2", "a too_large 1"])
        #expect(found[0].firstAt == at(1) && found[0].lastAt == at(5) && found[0].payload == Array("y".utf8))
        #expect(try letters(reason: "too_large").map(\.count) == [1])
        #expect(try letters(before: found[0].id).map(\.reason) == ["too_large"])
    }

    @Test("Above the limit, the longest unchanged dead letters are removed and counted")
    func limit() throws {
        for (index, topic) in ["a", "b", "c"].enumerated() { try add(topic, at: Int64(index)) }
        try add("a", at: 10)
        try add("d", at: 11)
        #expect(try letters().map(\.topic) == ["d", "a", "c"])
        #expect(try database.read { try $0.forgottenDeadLetters() } == 1)
    }

    @Test("A long payload is truncated, and its length is kept")
    func payload() throws {
        try add("a", "too_large", String(repeating: "z", count: 10_000), at: 1)
        let letter = try #require(try letters().first)
        #expect(letter.payload.count == DeadLetter.maxPayloadBytes && letter.payloadByteCount == 10_000)
    }

    @Test("Dead letters that last occurred before a time are removed")
    func removal() throws {
        try add("a", at: 1)
        try add("b", at: 5)
        #expect(try database.write { try $0.removeDeadLetters(before: at(5), limit: 10) } == 1)
        #expect(try letters().map(\.topic) == ["b"])
    }
}
