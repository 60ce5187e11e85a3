import Core
import Telemetry
import Testing

@testable import WebServer

/// A ticket is valid once, for a short time, and only while its owner's token is valid.
@Suite("Tickets")
struct TicketStoreTests {
    private let clock = SettableClock()

    @Test("A ticket is accepted once")
    func once() throws {
        let store = TicketStore(clock: clock)
        let ticket = try store.issue(for: try TokenFixture.identity(join: ["chat/#"]))
        let identity = try #require(store.redeem(ticket))
        #expect(identity.user == "anna")
        #expect(identity.grants.canJoin(try TopicFilter("chat/ops")))
        #expect(store.redeem(ticket) == nil)
        #expect(store.redeem("never issued") == nil)
        #expect(store.redeem("") == nil)
    }

    @Test("A ticket expires after 30 s", arguments: [(29, true), (30, false), (31, false)])
    func lifetime(_ seconds: Int, _ taken: Bool) throws {
        let store = TicketStore(clock: clock)
        let ticket = try store.issue(for: try TokenFixture.identity())
        clock.advance(by: .seconds(seconds))
        #expect((store.redeem(ticket) != nil) == taken)
    }

    @Test("A ticket expires with its token, and does not extend it")
    func identityExpiry() throws {
        let store = TicketStore(clock: clock)
        let end = clock.now().advanced(by: .seconds(10))
        let identity = try TokenFixture.identity(expiresAt: end)
        let (first, second) = (try store.issue(for: identity), try store.issue(for: identity))
        #expect(store.redeem(first)?.expiresAt == end)
        clock.advance(by: .seconds(10))
        #expect(store.redeem(second) == nil)
    }

    @Test("The number of tickets is limited; used and expired ones make room")
    func limit() throws {
        let store = TicketStore(limit: 3, clock: clock)
        let identity = try TokenFixture.identity()
        let tickets = try (0..<3).map { _ in try store.issue(for: identity) }
        #expect(throws: AuthenticationError.overloaded(limit: 3)) { try store.issue(for: identity) }
        #expect(store.redeem(tickets[0]) != nil)
        clock.advance(by: .seconds(10))
        let late = try store.issue(for: identity)
        #expect(throws: AuthenticationError.overloaded(limit: 3)) { try store.issue(for: identity) }
        clock.advance(by: .seconds(20))
        _ = try store.issue(for: identity)
        _ = try store.issue(for: identity)
        #expect(throws: AuthenticationError.overloaded(limit: 3)) { try store.issue(for: identity) }
        #expect(store.redeem(late) != nil)
        #expect("\(AuthenticationError.overloaded(limit: 3))".contains("3"))
    }

    @Test("The number of tickets per user is limited")
    func limitPerUser() throws {
        let store = TicketStore(limit: 5, limitPerUser: 3, clock: clock)
        let anna = try TokenFixture.identity()
        let eve = Identity(user: "eve", expiresAt: anna.expiresAt, grants: anna.grants)
        let tickets = try (0..<3).map { _ in try store.issue(for: eve) }
        #expect(throws: AuthenticationError.tooManyTickets(limit: 3)) { try store.issue(for: eve) }
        let own = try (0..<2).map { _ in try store.issue(for: anna) }
        #expect(throws: AuthenticationError.overloaded(limit: 5)) { try store.issue(for: anna) }
        // Redeemed tickets free their slots: one from the middle, one from the end, one from the beginning.
        for ticket in [tickets[1], own[1], tickets[0]] { #expect(store.redeem(ticket) != nil) }
        clock.advance(by: .seconds(10))
        for _ in 0..<2 { _ = try store.issue(for: eve) }
        #expect(throws: AuthenticationError.tooManyTickets(limit: 3)) { try store.issue(for: eve) }
        // The remaining two of the first five expire; the later ones stay valid.
        clock.advance(by: .seconds(20))
        _ = try store.issue(for: eve)
        #expect(throws: AuthenticationError.tooManyTickets(limit: 3)) { try store.issue(for: eve) }
        #expect(store.redeem(tickets[2]) == nil && store.redeem(own[0]) == nil)
        clock.advance(by: .seconds(31))
        for _ in 0..<3 { _ = try store.issue(for: anna) }
    }

    @Test("Of many concurrent uses of one ticket, one succeeds")
    func race() async throws {
        let store = TicketStore(clock: clock)
        for _ in 0..<50 {
            let ticket = try store.issue(for: try TokenFixture.identity())
            let taken = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 { group.addTask { store.redeem(ticket) != nil } }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(taken == 1)
        }
    }

    @Test("Tickets are 256 bits, URL-safe and unique")
    func form() throws {
        let store = TicketStore(limitPerUser: 1000, clock: clock)
        let tickets = try (0..<1000).map { _ in try store.issue(for: try TokenFixture.identity()) }
        #expect(Set(tickets).count == 1000)
        #expect(tickets.allSatisfy { Base64URL.decode($0)?.count == 32 })
    }

    @Test("The authenticator accepts tokens and tickets, each ticket once")
    func authenticator() async throws {
        let authority = try TokenAuthority(secret: TokenFixture.secret, clock: clock)
        let door = Authenticator(authority: authority, tickets: TicketStore(clock: clock))
        let token = try authority.issue(user: "anna", join: [], lifetime: .seconds(60))
        let identity = try await door.identity(of: .token(token))
        let ticket = Credential.ticket(try door.tickets.issue(for: identity))
        #expect(try await door.identity(of: ticket).user == "anna")
        await #expect(throws: AuthenticationError.unknownTicket) { try await door.identity(of: ticket) }
        await #expect(throws: AuthenticationError.unknownTicket) { try await door.identity(of: .ticket(token)) }
    }
}
