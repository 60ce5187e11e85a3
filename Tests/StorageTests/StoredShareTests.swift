import Core
import Foundation
import Storage
import Testing

/// Share links are stored without their tokens, counted, and removed.
@Suite("Stored shares")
struct StoredShareTests {
    private let fixture = StorageFixture()

    private static func share(_ id: String, by user: UserID = "ann", name: String? = nil, until end: Int64 = 100)
        -> StoredShare
    {
        StoredShare(
            shareID: id, tokenDigest: Array(id.utf8), dashboard: "home", rooms: ["sensors/+", "a \"b\"\\/ü"],
            name: name, createdBy: user, createdAt: at(1), expiresAt: at(end))
    }

    @Test("Shares survive a restart unchanged, and removed ones do not come back")
    func restart() throws {
        let first = try fixture.open()
        let kept = Self.share("a", name: "Wall")
        try first.write { transaction in
            for share in [kept, Self.share("b")] { try transaction.add(share) }
            try transaction.removeShare("b")
        }
        try first.close()
        let second = try fixture.open()
        #expect(try second.read { try $0.shares() } == [kept])
    }

    @Test("Shares are counted per user and in total; expired ones are removed")
    func counts() throws {
        let database = try fixture.open()
        try database.write { transaction in
            for share in [Self.share("a"), Self.share("b", until: 50), Self.share("c", by: "bob")] {
                try transaction.add(share)
            }
        }
        let before = try database.read { try $0.shareCounts(of: "ann") }
        #expect(before.total == 3 && before.ofUser == 2)
        try database.write { try $0.removeShares(expiredAt: at(50)) }
        let after = try database.read { try $0.shareCounts(of: "ann") }
        #expect(after.total == 2 && after.ofUser == 1)
        #expect(try database.read { try $0.shareCounts(of: "eve").ofUser } == 0)
    }

    @Test("A backup has no shares")
    func backup() throws {
        let database = try fixture.open()
        try database.write { try $0.add(Self.share("secret-share")) }
        var text = ""
        _ = try database.export(readingsIn: at(0)..<at(200), at: at(10)) { text += String(decoding: $0, as: UTF8.self) }
        #expect(!text.contains("secret-share"))
    }
}
