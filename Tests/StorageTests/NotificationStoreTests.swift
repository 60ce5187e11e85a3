import Core
import GRDB
import Testing

@testable import Storage

@Suite("Notifications of a user")
struct NotificationStoreTests {
    let fixture = StorageFixture()

    @Test("Unread notifications are counted and listed, without read, expired and other users' ones")
    func unread() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for id in ["n1", "n2", "n3", "n4"] { try transaction.notify(id, "ann") }
            try transaction.notify("gone", "ann", expires: at(5))
            try transaction.notify("other", "bob")
            #expect(try transaction.markRead("n2", of: "ann", at: at(2)))
            #expect(try transaction.markRead("n2", of: "ann", at: at(3)) == false)
            #expect(try transaction.markRead("other", of: "ann", at: at(3)) == false)
        }
        try database.read { snapshot throws in
            #expect(try snapshot.unreadCount(of: "ann", at: at(5)) == 3)
            #expect(try snapshot.unreadCount(of: "ann", at: at(4)) == 4)
            let range = try #require(try snapshot.unreadRange(of: "ann", at: at(5), limit: 2))
            func page(from first: Int64, maxBytes: Int = 1000) throws -> [(
                sequence: Int64, notification: StoredNotification
            )] {
                try snapshot.unreadNotifications(
                    of: "ann", in: first...range.upperBound, at: at(5), limit: 9, maxBytes: maxBytes)
            }
            let latest = try page(from: range.lowerBound)
            #expect(latest.map(\.notification.notificationID) == ["n3", "n4"])
            let first = try page(from: range.lowerBound, maxBytes: 1)
            #expect(
                first.map(\.notification.notificationID) == ["n3"], "a page ends with the notification that fills it")
            let second = try page(from: try #require(first.first).sequence + 1)
            #expect(second.map(\.notification.notificationID) == ["n4"])
            #expect(try snapshot.unreadRange(of: "nobody", at: at(5), limit: 2) == nil)
            #expect(try snapshot.unreadCount(of: "nobody", at: at(5)) == 0)
        }
        #expect(try database.write { try $0.markAllRead(of: "ann", at: at(6)) } == 4)
        #expect(try database.read { try $0.unreadCount(of: "ann", at: at(5)) } == 0)
    }

    @Test("Pages run from the newest to the oldest")
    func pages() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for id in ["n1", "n2", "n3", "n4"] { try transaction.notify(id, "ann") }
            _ = try transaction.markRead("n3", of: "ann", at: at(2))
        }
        func page(before: String?, unreadOnly: Bool = false) throws -> [String] {
            try database.read {
                try $0.notifications(of: "ann", before: before, unreadOnly: unreadOnly, at: at(9), limit: 2)
                    .map { "\($0.notificationID)\($0.isRead ? " read" : "")" }
            }
        }
        #expect(try page(before: nil) == ["n4", "n3 read"])
        #expect(try page(before: "n3") == ["n2", "n1"])
        #expect(try page(before: nil, unreadOnly: true) == ["n4", "n2"])
    }

    @Test("The oldest notifications beyond the limit are removed; old and expired ones are removed in portions")
    func bounded() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            for number in 1...5 { try transaction.notify("n\(number)", "ann", at: at(Int64(number)), maxPerUser: 3) }
            try transaction.notify("short", "ann", at: at(9), expires: at(10))
            #expect(try !transaction.snapshot.hasNotification("n2", of: "ann"))
            #expect(try transaction.snapshot.hasNotification("n3", of: "ann"))
            #expect(try transaction.removeNotifications(before: at(4), expiredAt: at(10), limit: 1) == 1)
            #expect(try transaction.removeNotifications(before: at(4), expiredAt: at(10), limit: 9) == 1)
            let left = try transaction.snapshot.notifications(
                of: "ann", before: nil, unreadOnly: false, at: at(0), limit: 9)
            #expect(left.map(\.notificationID) == ["n5", "n4"])
        }
    }

    @Test("A flood evicts the flooding sender's notifications, not those of other senders")
    func bytes() throws {
        let database = try fixture.open()
        func check(_ line: Int = #line) throws {
            let (counted, total, ofSenders) = try database.read { snapshot in
                func integer(_ sql: String) throws -> Int { try snapshot.row(sql)?[0] ?? -1 }
                return (
                    try integer("SELECT coalesce(sum(\(Schema.notificationBytes)), 0) FROM notification"),
                    try snapshot.notificationByteCount(), try integer("SELECT coalesce(sum(bytes), 0) FROM sender")
                )
            }
            #expect(total == counted && ofSenders == counted, "line \(line)")
        }
        func kept(by user: UserID) throws -> [String] {
            try database.read {
                try $0.notifications(of: user, before: nil, unreadOnly: false, at: at(1), limit: 999)
                    .map(\.notificationID)
            }
        }
        let share = 514
        try database.write { transaction throws in
            for number in 1...10 {
                try transaction.notify("alert\(number)", "ann")
                try transaction.notify("ops\(number)", "ann", from: "ops")
            }
            for number in 1...80 {
                for user: UserID in ["ann", "bob"] {
                    try transaction.notify("eve\(number)", user, from: "eve", at: at(Int64(100 + number)))
                }
            }
        }
        try check()
        var slices = 0
        while try database.write({ try $0.trimLargestSender(above: 60 * share, limit: 25) }) > 0 {
            try check()
            slices += 1
        }
        #expect(slices == 5)
        let ofEve = (61...80).reversed().map { "eve\($0)" }
        #expect(try kept(by: "bob") == ofEve)
        #expect(
            try kept(by: "ann") == ofEve + (1...10).reversed().flatMap { ["ops\($0)", "alert\($0)"] })
        // After that, the senders lose notifications in turn.
        while try database.write({ try $0.trimLargestSender(above: 12 * share, limit: 25) }) > 0 {}
        let left = try kept(by: "ann") + kept(by: "bob")
        for sender in ["alert", "ops", "eve"] {
            #expect(left.count { $0.hasPrefix(sender) } > 2, "\(sender)")
        }
        _ = try database.write { try $0.removeNotifications(before: at(999), expiredAt: at(999), limit: 999) }
        try check()
        #expect(try database.read { try $0.rows("SELECT * FROM sender").isEmpty })
    }

    @Test("Known users are those who connected, the most recent first")
    func users() throws {
        let database = try fixture.open()
        try database.write { transaction throws in
            try transaction.recordVisit(of: "ann", at: at(1))
            try transaction.recordVisit(of: "bob", at: at(2))
            try transaction.recordVisit(of: "ann", at: at(3))
        }
        #expect(try database.read { try $0.knownUsers(limit: 9) } == ["ann", "bob"])
        #expect(try database.read { try $0.knownUsers(limit: 1) } == ["ann"])
    }
}
