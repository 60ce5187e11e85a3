import Core
import Telemetry
import Testing

@testable import WebServer

/// A refreshed token must belong to the same user. Rooms that it does not grant are left.
@Suite("Token refresh")
struct TokenRefreshTests {
    private let now = SettableClock().now()

    @Test("Rooms that the new token does not grant are left, in order; the inbox is kept")
    func leaving() throws {
        let joined = try ["users/anna", "sensors/#", "chat/b", "sensors/a", "chat/a"].map { try TopicFilter($0) }
        let old = try TokenFixture.identity(join: ["#"])
        let new = try TokenFixture.identity(join: ["sensors/+", "chat/a"])
        let refresh = try TokenRefresh(from: old, to: new, joined: joined, now: now)
        #expect(refresh.roomsToLeave.map(\.rawValue) == ["sensors/#", "chat/b"])
        #expect(!refresh.identity.grants.canJoin(try TopicFilter("chat/b")))
        #expect(try TokenRefresh(from: new, to: old, joined: joined, now: now).roomsToLeave.isEmpty)
    }

    @Test("A token of another user or an expired one changes nothing")
    func refused() throws {
        let anna = try TokenFixture.identity("anna", expiresAt: now)
        let ben = try TokenFixture.identity("ben")
        #expect(throws: AuthenticationError.otherUser) {
            try TokenRefresh(from: anna, to: ben, joined: [], now: now)
        }
        #expect(throws: AuthenticationError.expired) {
            try TokenRefresh(from: try TokenFixture.identity("anna"), to: anna, joined: [], now: now)
        }
        let late = try TokenFixture.identity("anna", expiresAt: now.advanced(by: .seconds(1)))
        #expect(try TokenRefresh(from: anna, to: late, joined: [], now: now).identity.user == "anna")
    }
}
