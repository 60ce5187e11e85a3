import Core
import Telemetry
import Testing

@testable import WebServer

/// `RoomGrants` makes every room authorisation decision; the tables below specify it.
@Suite("Room grants")
struct RoomGrantsTests {
    private static func grants(join: [String] = [], publish: [String] = [], notify: Bool = false) throws -> RoomGrants {
        RoomGrants(
            user: "anna", join: try join.map { try TopicFilter($0) }, publish: try publish.map { try TopicFilter($0) },
            notify: notify, telemetryRoots: ["sensors", "tele"])
    }

    @Test(
        "Joining and reading history require a grant that covers the whole filter",
        arguments: [
            (["chat/#"], "chat/ops", true), (["chat/#"], "chat/#", true), (["chat/#"], "chat", true),
            (["chat/+"], "chat/#", false), (["chat/+"], "chat/+", true), (["chat/ops"], "chat/+", false),
            (["sensors/#"], "sensors/a", true), (["#"], "sensors/#", true), ([], "chat/ops", false),
            (["chat/ops", "chat/+"], "chat/#", false),
            // Protected first levels
            (["#"], "$internal", false), (["+/x"], "$internal/x", false), (["$internal/#"], "$internal/x", true),
            (["#"], "users/anna", true), ([], "users/anna", true), (["#"], "users/ben", false),
            (["users/#"], "users/ben", false), (["users/ben"], "users/ben", false), (["users/+"], "users/+", false),
            (["users/#"], "users/#", false), (["users"], "users", false), (["#"], "users/anna/x", false),
            (["users/#"], "users/anna/#", false), (["+/anna"], "users/anna", true),
            // A shared subscription is not a room.
            (["#"], "$share/g/chat/ops", false),
        ] as [([String], String, Bool)])
    func joining(_ join: [String], _ asked: String, _ allowed: Bool) throws {
        let grants = try Self.grants(join: join)
        #expect(grants.canJoin(try TopicFilter(asked)) == allowed)
        #expect(grants.canReadHistory(of: try TopicFilter(asked)) == allowed)
    }

    @Test("A publish grant does not allow joining, nor a join grant publishing")
    func apart() throws {
        let room = try TopicFilter("chat/ops")
        #expect(try !Self.grants(publish: ["#"], notify: true).canJoin(room))
        #expect(try !Self.grants(publish: ["#"], notify: true).canReadHistory(of: room))
        #expect(try !Self.grants(join: ["#"], notify: true).canPublish(to: room))
        #expect(try !Self.grants(join: ["#"], notify: true).canSend(toUser: "ben"))
        #expect(try !Self.grants(join: ["#"], publish: ["#", "users/#"]).canNotify)
        #expect(try Self.grants(notify: true).canNotify)
    }

    @Test(
        "Sending to a room requires a grant; telemetry rooms, inboxes and filters cannot be sent to",
        arguments: [
            (["chat/#"], "chat/ops", true), (["chat/+"], "chat/ops", true), (["chat/+"], "chat/ops/a", false),
            (["#"], "chat/ops", true), ([], "chat/ops", false), (["chat/a"], "chat/b", false),
            (["chat/#"], "chat/+", false), (["chat/#"], "chat/#", false), (["#"], "#", false),
            (["#"], "$share/g/chat/ops", false), (["#"], "$internal", false), (["$internal"], "$internal", true),
            (["sensors/#"], "sensors/a", false), (["#"], "sensors/a", false), (["sensors/a"], "sensors/a", false),
            (["sensors"], "sensors", false), (["tele/#"], "tele/a", false), (["#"], "sensors2/a", true),
            (["users/#"], "users/anna", false), (["users/ben"], "users/ben", false), (["#"], "users/ben", false),
            (["users"], "users", false), (["users/#"], "users/ben/x", false),
        ] as [([String], String, Bool)])
    func publishing(_ publish: [String], _ room: String, _ allowed: Bool) throws {
        #expect(try Self.grants(join: ["#"], publish: publish).canPublish(to: TopicFilter(room)) == allowed)
    }

    @Test(
        "Sending to a user requires a grant that names users/…",
        arguments: [
            (["users/#"], "ben", true), (["users/+"], "ben", true), (["users/ben"], "ben", true),
            (["users/ben"], "carl", false), (["#"], "ben", false), (["+/ben"], "ben", false), (["+/#"], "ben", false),
            ([], "anna", false), (["users/+"], "anna", true), (["users/+"], "+", false), (["users/#"], "#", false),
            (["users/#"], "ben/x", false), (["users/#"], "", false), (["users/#"], "a\u{0}", false),
        ] as [([String], String, Bool)])
    func sending(_ publish: [String], _ user: String, _ allowed: Bool) throws {
        let grants = try Self.grants(publish: publish)
        #expect((UserID(user).map { grants.canSend(toUser: $0) } ?? false) == allowed)
    }

    @Test(
        "Lists show rooms that the token may join, and only the user's own inbox",
        arguments: [
            ("chat/ops", true), ("sensors/a", true), ("users/anna", true), ("users/ben", false), ("users", false),
            ("$internal", false), ("users/anna/x", false),
        ])
    func seeing(_ room: String, _ shown: Bool) throws {
        #expect(try Self.grants(join: ["#", "users/#", "users"]).canSee(room: room) == shown)
        #expect(try Self.grants().canSee(room: room) == (room == "users/anna"))
    }

    @Test("Visibility in lists equals visibility of single rooms")
    func visibility() throws {
        let grants = try [
            ["sensors/+"], ["#"], ["chat/a", "sensors/d1", "users/bob"], ["+/a/#", "users/#"], ["$share/g/chat/a"], [],
        ].map { RoomGrants(user: "ann", join: try $0.map { try TopicFilter($0) }) }
        let rooms = ["sensors/d1", "chat/a", "chat/a/b", "users/ann", "users/bob", "users", "$sys/a", "x", "sensors"]
        for grants in grants {
            let visibility = grants.visibility()
            for room in rooms { #expect(visibility.canSee(room: room) == grants.canSee(room: room), "\(room)") }
        }
    }
}
