import Core
import GRDB
import Testing

@testable import Storage

@Suite("Room history")
struct MessageHistoryTests {
    let fixture = StorageFixture()

    @Test("Offsets count from 1 in every room, and continue after the database was reopened")
    func offsets() throws {
        let first = try fixture.open()
        try first.write { transaction throws in
            #expect(try transaction.say(1, in: "a") == 1)
            #expect(try transaction.say(2, in: "b") == 1)
            #expect(try transaction.say(3, in: "a") == 2)
        }
        let epoch = first.epoch
        try first.close()
        let second = try fixture.open()
        #expect(second.epoch == epoch)
        #expect(try second.write { try $0.say(4, in: "a") } == 3)
        #expect(try second.read { try $0.lastOffset(of: "a") } == 3)
        #expect(try second.read { try $0.lastOffset(of: "never spoken in") } == 0)
    }

    @Test("Pages run forwards and backwards, always in ascending order")
    func pages() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...10 { try transaction.say(number, in: "a", at: at(Int64(number))) }
            try transaction.say(99, in: "b")
        }
        try database.read { snapshot throws in
            #expect(try snapshot.messages(in: "a", after: 3, limit: 4).map(\.offset) == [4, 5, 6, 7])
            #expect(try snapshot.messages(in: "a", before: 4, limit: 2).map(\.offset) == [2, 3])
            #expect(try snapshot.messages(in: "a", before: .max, limit: 3).map(\.offset) == [8, 9, 10])
            #expect(try snapshot.messages(in: "none", after: 0, limit: 3).isEmpty)
            let message = try #require(try snapshot.messages(in: "a", after: 6, limit: 1).first)
            #expect(
                message
                    == StoredMessage(
                        offset: 7, messageID: "m7", type: "chat_message", payload: Array("{\"n\":7}".utf8),
                        createdAt: at(7)))
        }
    }

    @Test("A room with a maximum or invalid offset rejects messages, and everything else works")
    func offsetsEnd() throws {
        let database = try fixture.open()
        let last = StoredMessage.maxOffset
        try database.write { transaction throws in
            for (room, offset) in [
                ("end", "\(last - 1)"), ("max", "9223372036854775807"), ("real", "9.3e18"), ("text", "'x'"),
            ] {
                try transaction.run("INSERT INTO room (name, last_offset) VALUES (?, \(offset))", [room])
            }
            #expect(try transaction.say(1, in: "end") == last)
        }
        for room in ["end", "max", "real", "text"] {
            #expect(throws: DatabaseError.self) { try database.write { _ = try $0.say(2, in: room) } }
        }
        #expect(throws: DatabaseError.self) { try database.read { try $0.lastOffset(of: "text") } }
        #expect(try database.write { try $0.say(1, in: "other") } == 1)
        #expect(try database.read { try $0.messages(in: "end", after: 0, limit: 9).map(\.offset) } == [last])
    }

    @Test("Values of a wrong type are errors, not crashes")
    func damagedRows() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            try transaction.say(1, in: "a")
            try transaction.notify("n", "ada")
            try transaction.run("UPDATE message SET offset = 1e19, created_at = 'x'")
            try transaction.run("UPDATE notification SET created_at = 'x'")
        }
        #expect(throws: DatabaseError.self) { try database.read { try $0.messages(in: "a", after: 0, limit: 9) } }
        #expect(throws: DatabaseError.self) {
            try database.read { try $0.notifications(of: "ada", before: nil, unreadOnly: true, at: at(1), limit: 9) }
        }
        try database.write { try $0.run("UPDATE notification SET sequence = 9223372036854775807") }
        #expect(throws: DatabaseError.self) { try database.write { try $0.notify("m", "ada") } }
    }

    @Test("Trimmed and outdated messages are removed, and offsets continue")
    func trims() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...10 { try transaction.say(number, in: "a", at: at(Int64(number))) }
            try transaction.trim("a", toLatest: 6)
            #expect(try transaction.snapshot.messages(in: "a", after: 0, limit: 20).map(\.offset) == Array(5...10))
            #expect(try transaction.removeMessages(before: at(8), limit: 2) == 2)
            #expect(try transaction.removeMessages(before: at(8), limit: 2) == 1)
            #expect(try transaction.snapshot.messages(in: "a", after: 0, limit: 20).map(\.offset) == [8, 9, 10])
            #expect(try transaction.say(11, in: "a") == 11)
        }
    }

    @Test("An error in a savepoint rolls back its writes only; an error in the transaction rolls back all")
    func rollsBack() throws {
        struct Mistake: Error {}
        let database = try fixture.open()
        try database.write { transaction throws in
            try transaction.say(1, in: "a")
            #expect(throws: Mistake.self) {
                try transaction.savepoint {
                    try transaction.say(2, in: "a")
                    throw Mistake()
                }
            }
            #expect(try transaction.savepoint { try transaction.say(3, in: "a") } == 2)
        }
        #expect(throws: Mistake.self) {
            try database.write { transaction throws in
                try transaction.say(4, in: "a")
                throw Mistake()
            }
        }
        let ids = try database.read { try $0.messages(in: "a", after: 0, limit: 9).map(\.messageID) }
        #expect(ids == ["m1", "m3"])
    }

    @Test("An idempotency key is stored with its content, per scope, for a limited time")
    func idempotency() throws {
        let database = try fixture.open()
        let key = IdempotencyKey(user: "ann", scope: "a", key: "k", contentDigest: [1])
        try database.write { try $0.remember(key, messageID: "m1", offset: 7, at: at(100), maxPerUser: 9) }
        func finding(_ change: (inout IdempotencyKey) -> Void = { _ in }, since: Int64 = 50) throws
            -> IdempotencyKey.Finding
        {
            var changed = key
            change(&changed)
            return try database.read { [changed] in try $0.finding(for: changed, since: at(since)) }
        }
        #expect(try finding() == .used(messageID: "m1", offset: 7))
        #expect(try finding { $0.contentDigest = [2] } == .conflict)
        #expect(try finding { $0.user = "bob" } == .unused)
        #expect(try finding { $0.scope = "b" } == .unused)
        #expect(try finding(since: 101) == .unused)
        #expect(try database.write { try $0.forgetKeys(before: at(101), limit: 10) } == 1)
        #expect(try finding() == .unused)
    }

    @Test("A user's idempotency keys are limited, the oldest removed first, without affecting other users")
    func manyKeys() throws {
        let database = try fixture.open()
        func use(_ number: Int, by user: UserID, maxPerUser: Int = 100) throws {
            let key = IdempotencyKey(user: user, scope: "a", key: "\(number)", contentDigest: [])
            try database.write {
                try $0.remember(key, messageID: "m", offset: 1, at: at(Int64(number)), maxPerUser: maxPerUser)
            }
        }
        func keys(of user: String) throws -> [Int] {
            try database.read {
                try $0.rows("SELECT key FROM idempotency WHERE user = ?", [user]).map { Int($0[0] as String) ?? 0 }
            }.sorted()
        }
        try use(1, by: "bob")
        // Keys written by earlier versions have no sequence number.
        try database.write {
            try $0.run(
                """
                INSERT INTO idempotency (user, scope, key, message_id, offset, content_digest, created_at)
                VALUES ('ann', 'a', '0', 'm', 1, '', 0)
                """)
        }
        for number in 1...250 { try use(number, by: "ann") }
        #expect(try keys(of: "ann") == Array(151...250))
        #expect(try keys(of: "bob") == [1])
        // Reusing a key makes it one of the latest.
        try use(160, by: "ann")
        for number in 251...299 { try use(number, by: "ann") }
        #expect(try keys(of: "ann") == [160] + Array(201...299))
        // With a lower limit, each write removes a few keys.
        for number in 300...320 { try use(number, by: "ann", maxPerUser: 10) }
        #expect(try keys(of: "ann") == Array(311...320))
    }
}
