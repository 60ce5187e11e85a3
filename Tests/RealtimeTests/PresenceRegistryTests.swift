import Core
import NIOCore
import Telemetry
import Testing

@testable import Realtime

/// A user's presence spans from the first client to the last, with a grace period for reconnects.
@Suite("Presence")
struct PresenceRegistryTests {
    private let registry = PresenceRegistry(grace: .seconds(10))
    private let room: TopicFilter

    /// Two clients of one user.
    private final class Client {}
    private let clients = [Client(), Client()]
    private var tab: ObjectIdentifier { ObjectIdentifier(clients[0]) }

    init() throws {
        room = try TopicFilter("chat/a")
        registry.observe {}
    }

    private func second(_ number: Int64) -> NIODeadline { .uptimeNanoseconds(UInt64(number) * 1_000_000_000) }
    private func changes() -> [String] { registry.takeChanges().map { "\($0.event) \($0.user) \($0.userCount)" } }

    @Test("A user's second client is not another join, and only the last one leaves")
    func tabs() {
        for _ in 1...2 { registry.connected(user: "ann") }
        for client in clients { registry.joined(ObjectIdentifier(client), of: "ann", filter: room) }
        #expect(changes() == ["join ann 1"])
        #expect(registry.members(under: room) == .init(users: 1, clients: 2))
        registry.left(tab, of: "ann", filter: room)
        #expect(changes() == [])
        registry.left(ObjectIdentifier(clients[1]), of: "ann", filter: room)
        #expect(changes() == ["leave ann 0"], "an explicit leave takes effect at once")
    }

    @Test("A user who reconnects within the grace period has not left")
    func grace() {
        registry.connected(user: "ann")
        registry.joined(tab, of: "ann", filter: room)
        _ = changes()
        registry.disconnected(tab, of: "ann", joined: [room], at: second(0))
        #expect(registry.snapshot().onlineUsers.isEmpty)
        #expect(registry.members(under: room) == .init(users: 1, clients: 0))
        registry.expire(at: second(9))
        registry.connected(user: "ann")
        registry.joined(tab, of: "ann", filter: room)
        registry.expire(at: second(30))
        #expect(changes() == [])
        #expect(registry.members(under: room) == .init(users: 1, clients: 1))
    }

    @Test("A user who does not reconnect leaves once, after the last disconnect's grace period")
    func leaves() {
        for start in [Int64(0), 5] {
            registry.connected(user: "ann")
            registry.joined(tab, of: "ann", filter: room)
            registry.disconnected(tab, of: "ann", joined: [room], at: second(start))
        }
        #expect(changes() == ["join ann 1"])
        registry.expire(at: second(11))
        #expect(changes() == [], "the first grace period ended with the reconnect")
        registry.expire(at: second(15))
        #expect(changes() == ["leave ann 0"])
        registry.expire(at: second(100))
        #expect(changes() == [])
        #expect(registry.snapshot().groups.isEmpty)
    }

    @Test("A room's members joined by its name or by a filter, and each client counts once")
    func members() throws {
        let bob = Client()
        for user: UserID in ["ann", "bob", "ann"] { registry.connected(user: user) }
        registry.joined(tab, of: "ann", filter: room)
        registry.joined(ObjectIdentifier(clients[1]), of: "ann", filter: try TopicFilter("chat/#"))
        registry.joined(tab, of: "ann", filter: try TopicFilter("chat/+"))
        registry.joined(ObjectIdentifier(bob), of: "bob", filter: try TopicFilter("+/a"))
        #expect(registry.snapshot().members(of: "chat/a") == ["ann": 2, "bob": 1])
        #expect(registry.snapshot().members(of: "chat/b") == ["ann": 2])
        #expect(registry.snapshot().clientCount(of: "chat/a") == 3)
        #expect(registry.snapshot().clientCount(of: "chat/b") == 2)
        #expect(changes() == ["join ann 1"], "a join by a filter is not announced")
    }

    @Test("A snapshot is made once per change, and a large one less often")
    func snapshots() throws {
        registry.joined(tab, of: "ann", filter: room)
        let first = registry.snapshot()
        #expect(registry.snapshot() === first, "nothing has changed")
        registry.joined(ObjectIdentifier(registry), of: "bob", filter: room)
        #expect(registry.snapshot().members(of: "chat/a") == ["ann": 1, "bob": 1])
        #expect(first.members(of: "chat/a") == ["ann": 1], "a snapshot is immutable")
        for number in 0...PresenceSnapshot.maxFreshCount {
            registry.connected(user: UserID(unchecked: "user-\(number)"))
        }
        let later = NIODeadline.now() + .hours(1)
        let large = registry.snapshot(now: later)
        registry.connected(user: "carl")
        #expect(registry.snapshot(now: later) === large, "a large snapshot is reused for a while")
        #expect(registry.snapshot(now: later + .hours(1)).onlineUsers.contains("carl"))
    }

    @Test("Without an observer, no changes are kept")
    func unobserved() {
        let registry = PresenceRegistry()
        registry.joined(tab, of: "ann", filter: room)
        #expect(registry.takeChanges().isEmpty)
    }
}
