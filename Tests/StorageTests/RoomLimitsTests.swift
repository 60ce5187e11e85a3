import Core
import Foundation
import GRDB
import Testing

@testable import Storage

/// Rooms are removed when empty, messages when they take up too much space. Offsets are never reused.
@Suite("Room limits")
struct RoomLimitsTests {
    let fixture = StorageFixture()

    private func counter(_ name: String, _ database: Storage.Database) throws -> Int {
        try database.read { try $0.row("SELECT value FROM counter WHERE name = ?", [name])?[0] ?? -1 }
    }

    @Test("An empty idle room is removed, and continues its offsets when it is created again")
    func idleRooms() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...7 { try transaction.say(number, in: "long", at: at(10)) }
            for number in 1...3 { try transaction.say(number, in: "short", at: at(20)) }
            try transaction.say(1, in: "live", at: at(90))
            #expect(try transaction.snapshot.roomCount() == 3)
            // The rooms still have messages.
            #expect(try transaction.removeIdleRooms(before: at(50), limit: 10, remembered: 9) == 0)
            #expect(try transaction.removeMessages(before: at(50), limit: 100) == 10)
            #expect(try transaction.removeIdleRooms(before: at(15), limit: 10, remembered: 9) == 1)
            #expect(try transaction.removeIdleRooms(before: at(50), limit: 10, remembered: 9) == 1)
            #expect(try transaction.snapshot.roomCount() == 1)
            // A client that joins now starts at the offset where the room would continue.
            #expect(try transaction.snapshot.lastOffset(of: "short") == 3)
            #expect(try transaction.say(4, in: "short", at: at(91)) == 4)
            #expect(try transaction.say(5, in: "short", at: at(92)) == 5)
            #expect(try transaction.say(2, in: "live", at: at(93)) == 2)
            #expect(try transaction.say(1, in: "new", at: at(94)) == 1)
        }
        // The offset survives a restart.
        try database.close()
        #expect(try fixture.open().read { try $0.lastOffset(of: "long") } == 7)
    }

    @Test("The first of too many removed rooms are forgotten, and new rooms start above their offsets")
    func forgottenRooms() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for (room, count) in [("a", 5), ("b", 9), ("c", 2), ("d", 1)] {
                for number in 1...count { try transaction.say(number, in: room) }
            }
            _ = try transaction.removeMessages(before: at(2), limit: 100)
            for remembered in [4, 4, 2, 2] {
                #expect(try transaction.removeIdleRooms(before: at(2), limit: 1, remembered: remembered) == 1)
            }
            let snapshot = transaction.snapshot
            #expect(try ["a", "b", "c", "d", "new"].map { try snapshot.lastOffset(of: $0) } == [9, 9, 2, 1, 9])
            #expect(try transaction.say(3, in: "c", at: at(3)) == 3)
            #expect(try transaction.say(6, in: "a", at: at(3)) == 10)
            // A recreated room is tracked by its own row.
            #expect(try transaction.removeIdleRooms(before: at(2), limit: 9, remembered: 0) == 0)
            #expect(try ["c", "d", "new"].map { try snapshot.lastOffset(of: $0) } == [3, 9, 9])
            #expect(try snapshot.rows("SELECT name FROM removed_room").isEmpty)
        }
    }

    @Test("Idle rooms are removed in portions")
    func slices() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...5 { try transaction.say(number, in: "r\(number)") }
            #expect(try transaction.removeMessages(before: at(2), limit: 100) == 5)
            #expect(try transaction.removeIdleRooms(before: at(2), limit: 2, remembered: 9) == 2)
            #expect(try transaction.removeIdleRooms(before: at(2), limit: 2, remembered: 9) == 2)
            #expect(try transaction.removeIdleRooms(before: at(2), limit: 2, remembered: 9) == 1)
        }
    }

    @Test("The stored byte totals equal a count after every kind of change")
    func totals() throws {
        let database = try fixture.open()
        func check(_ line: Int = #line) throws {
            func integers(_ sql: String) throws -> [Int] {
                try database.read { snapshot in
                    let row = try #require(try snapshot.row(sql))
                    return [row[0], row[1]]
                }
            }
            let counted = try integers("SELECT sum(\(Schema.messageBytes)), count(*) FROM message")
            #expect(try integers("SELECT sum(bytes), sum(messages) FROM room") == counted, "line \(line)")
            #expect(try database.read { try $0.messageByteCount() } == counted[0], "line \(line)")
        }
        try database.write { for number in 1...300 { try $0.say(number, in: "r\(number % 7)", at: at(Int64(number))) } }
        try check()
        _ = try database.write { try $0.removeMessages(before: at(100), limit: 50) }
        try check()
        try database.write { try $0.trim("r1", toLatest: 3) }
        try check()
        #expect(throws: CancellationError.self) {
            try database.write {
                try $0.say(1, in: "r1")
                throw CancellationError()
            }
        }
        try check()
        _ = try database.write { try $0.trimLargestRoom(above: 10_000, limit: 10) }
        try check()
    }

    @Test("A trim removes a limited number of messages, and the next trim continues")
    func trimInSlices() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...100 { try transaction.say(number, in: "a") }
            try transaction.trim("a", toLatest: 10, limit: 60)
            #expect(try transaction.snapshot.messages(in: "a", after: 0, limit: 1).first?.offset == 61)
            try transaction.trim("a", toLatest: 10, limit: 60)
            #expect(try transaction.snapshot.messages(in: "a", after: 0, limit: 100).map(\.offset) == Array(91...100))
        }
    }

    @Test("A flood evicts messages of the flooded rooms; smaller rooms keep everything")
    func fairness() throws {
        let database = try fixture.open()
        let large = [UInt8](repeating: UInt8(ascii: "x"), count: 1000)
        try database.write { transaction throws in
            // These are older than the flood and would be removed first by age.
            for number in 1...20 { try transaction.say(number, in: "quiet", at: at(1)) }
            for room in ["flood/1", "flood/2"] {
                for number in 1...100 {
                    _ = try transaction.append(
                        to: room, messageID: "\(number)", type: "chat_message", payload: large, at: at(100))
                }
            }
        }
        let limit = 60_000
        var slices = 0
        while try database.write({ try $0.trimLargestRoom(above: limit, limit: 20) }) > 0 { slices += 1 }
        try database.read { snapshot throws in
            #expect(try snapshot.messageByteCount() <= limit)
            #expect(try snapshot.messageByteCount() > limit - 20_000, "no more than needed is removed")
            #expect(try snapshot.messages(in: "quiet", after: 0, limit: 100).count == 20)
            let left = try ["flood/1", "flood/2"].map { try snapshot.messages(in: $0, after: 0, limit: 100) }
            #expect(left.allSatisfy { $0.count > 15 }, "rooms of equal size lose messages in turn")
            #expect(left.allSatisfy { $0.last?.offset == 100 }, "the oldest are removed")
        }
        #expect(slices > 5)
    }

    @Test("A user's rooms are counted by creation time, without inboxes of known users")
    func owners() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            func make(_ room: String, _ owner: UserID?, at second: Int64) throws {
                _ = try transaction.append(
                    to: room, messageID: "m", type: "chat_message", payload: [], at: at(second), owner: owner)
            }
            try make("a", "ann", at: 10)
            try make("b", "ann", at: 20)
            try make("users/stranger", "ann", at: 30)
            try make("users/bob", nil, at: 30)
            try make("chat/ops", nil, at: 30)
            let snapshot = transaction.snapshot
            #expect(try snapshot.roomCount() == 4)
            #expect(try snapshot.roomCount(of: "ann", madeIn: at(0)...at(99), limit: 9) == 3)
            #expect(try snapshot.roomCount(of: "ann", madeIn: at(11)...at(99), limit: 9) == 2)
            #expect(try snapshot.roomCount(of: "ann", madeIn: at(0)...at(99), limit: 2) == 2)
            try transaction.recordVisit(of: "stranger", at: at(40))
            #expect(try snapshot.isKnown(user: "stranger") && !snapshot.isKnown(user: "bob"))
            #expect(try snapshot.roomCount() == 3)
            #expect(try snapshot.roomCount(of: "ann", madeIn: at(0)...at(99), limit: 9) == 2)
        }
    }

    @Test("Of too many alerts, unannounced ones are removed first, and firing ones are kept")
    func manyAlerts() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...10 {
                try transaction.save(
                    StoredAlert(
                        alertID: "\(number)", rule: "r", title: "", severity: "info", device: "d", room: "sensors/d",
                        metric: "t", state: number == 1 ? .firing : .resolved, condition: "", message: "",
                        pendingAt: at(1), isAnnounced: number <= 5))
            }
            #expect(try transaction.removeAlerts(above: 10, limit: 9) == 0)
            #expect(try transaction.removeAlerts(above: 7, limit: 9) == 3)
            #expect(
                try transaction.snapshot.alerts(AlertQuery()).map(\.alertID) == ["10", "9", "5", "4", "3", "2", "1"])
            #expect(try transaction.removeAlerts(above: 3, limit: 3) == 3)
            #expect(try transaction.removeAlerts(above: 0, limit: 9) == 3)
            #expect(try transaction.snapshot.alerts(AlertQuery()).map(\.alertID) == ["1"])
        }
    }

    @Test("The migration of an older database computes its totals")
    func migration() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let old = try DatabaseQueue(path: fixture.file)
        try Schema.migrator.migrate(old, upTo: "alerts")
        try old.write { database throws in
            try database.execute(
                sql: """
                    INSERT INTO room (id, name, last_offset) VALUES (1, 'a', 12), (2, 'gone', 40), (3, 'users/ann', 2);
                    INSERT INTO message (room_id, offset, message_id, type, payload, created_at) VALUES
                        (1, 11, 'm11', 'chat_message', CAST('12345' AS BLOB), 5000000000),
                        (1, 12, 'm12', 'chat_message', CAST('123' AS BLOB), 7000000000),
                        (3, 2, 'n2', 'notification', CAST('{}' AS BLOB), 6000000000);
                    INSERT INTO notification (user, sequence, notification_id, payload, created_at) VALUES
                        ('ann', 1, 'n1', CAST('{}' AS BLOB), 5000000000);
                    INSERT INTO alert (alert_id, rule, title, severity, device, room, metric, state, condition, message,
                        pending_at, announced) VALUES ('x', 'r', '', 'info', 'd', 'sensors/d', 't', 'firing', '', '', 1, 0);
                    """)
        }
        try old.close()
        let database = try fixture.open()
        #expect(try database.read { try $0.messageByteCount() } == 3 * 128 + 10)
        #expect(try database.read { try $0.roomCount() } == 2)
        #expect(try database.read { try $0.unannouncedAlerts(at: at(1), limit: 9).map(\.alertID) } == ["x"])
        try database.write { transaction throws in
            #expect(try transaction.say(13, in: "a", at: at(8)) == 13)
            #expect(try transaction.removeIdleRooms(before: at(6), limit: 9, remembered: 9) == 1)
            #expect(try transaction.snapshot.lastOffset(of: "gone") == 40)
            #expect(try transaction.removeMessages(before: at(9), limit: 9) == 4)
            #expect(try transaction.removeIdleRooms(before: at(9), limit: 9, remembered: 9) == 2)
        }
        #expect(try database.read { try $0.notificationByteCount() } == 512 + 2)
        #expect(try database.write { try $0.trimLargestSender(above: 0, limit: 9) } == 1)
        #expect(try counter("notification_bytes", database) == 0)
        #expect(try counter("message_bytes", database) == 0)
        #expect(try counter("rooms", database) == 0)
        #expect(try counter("room_floor", database) == 0)
    }

    @Test("A removed room restored from a backup continues above the offsets used since the backup")
    func imported() throws {
        let database = try fixture.open()
        try database.write { for number in 1...3 { try $0.say(number, in: "a", at: at(10)) } }
        var backup: [UInt8] = []
        let all = Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)
        _ = try database.export(readingsIn: all, at: at(11)) { backup += $0 }
        try database.write { transaction throws in
            for number in 4...6 { try transaction.say(number, in: "a", at: at(12)) }
            _ = try transaction.removeMessages(before: at(50), limit: 9)
            #expect(try transaction.removeIdleRooms(before: at(50), limit: 9, remembered: 9) == 1)
        }
        var copy = try BackupImport(into: database, at: at(60))
        for line in backup.split(separator: UInt8(ascii: "\n")) { try copy.take(line) }
        try copy.finish()
        #expect(try database.read { try $0.messages(in: "a", after: 0, limit: 9).map(\.offset) } == [1, 2, 3])
        #expect(try database.read { try $0.messageByteCount() } == 3 * (128 + 7))
        #expect(try database.write { try $0.removeIdleRooms(before: at(60), limit: 9, remembered: 9) } == 0)
        #expect(try database.write { try $0.say(7, in: "a", at: at(61)) } == 7)
    }
}
