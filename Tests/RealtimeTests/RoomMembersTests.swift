import Core
import Telemetry
import TestSupport
import Testing

@testable import Realtime

/// A room's messages go to every client with a matching join, once each.
@Suite("Room members")
struct RoomMembersTests {
    private final class Member {
        let name: Int
        init(_ name: Int) { self.name = name }
    }

    private static func names(_ members: [Member]) -> [Int] { members.map(\.name).sorted() }

    @Test("Overlapping joins deliver one copy; leaving one keeps the others")
    func overlap() throws {
        var members = RoomMembers<Member>()
        let member = Member(1)
        let filters = try ["sensors/a", "sensors/+", "#"].map { try TopicFilter($0) }
        for filter in filters { members.insert(member, under: filter) }
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1])
        members.remove(member, under: filters[0])
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1])
        members.remove(member, under: filters[1])
        members.remove(member, under: filters[2])
        #expect(members.recipients(of: "sensors/a").isEmpty)
    }

    @Test("The cached list of recipients follows every join and leave, by name and by filter")
    func cache() throws {
        var members = RoomMembers<Member>()
        let first = Member(1)
        let second = Member(2)
        members.insert(first, under: try TopicFilter("sensors/a"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1])
        members.insert(second, under: try TopicFilter("sensors/#"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1, 2])
        members.remove(first, under: try TopicFilter("sensors/a"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [2])
        members.insert(first, under: try TopicFilter("sensors/a"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1, 2])
    }

    @Test("A leading wildcard matches neither inboxes nor $ rooms")
    func protected() throws {
        var members = RoomMembers<Member>(protecting: ["users"])
        members.insert(Member(1), under: try TopicFilter("#"))
        members.insert(Member(2), under: try TopicFilter("+/anna"))
        members.insert(Member(3), under: try TopicFilter("users/anna"))
        #expect(Self.names(members.recipients(of: "users/anna")) == [3])
        #expect(members.recipients(of: "$internal").isEmpty)
        #expect(Self.names(members.recipients(of: "chat/anna")) == [1, 2])
    }

    @Test("For random filters and rooms, the recipients are those whose filters match, also after removals")
    func againstMatching() throws {
        var random = SeededRandom()
        let levels = ["a", "b", "+", "users", "$x"]
        for _ in 0..<300 {
            var members = RoomMembers<Member>(protecting: ["users"])
            var joins: [(Member, TopicFilter)] = []
            for name in 0..<8 {
                var parts = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    levels.randomElement(using: &random) ?? "a"
                }
                if Bool.random(using: &random) { parts.append("#") }
                let filter = try TopicFilter(parts.joined(separator: "/"))
                let member = Member(name)
                joins.append((member, filter))
                members.insert(member, under: filter)
            }
            for round in 0..<20 {
                // From the tenth round on, one filter is removed per round.
                if round >= 10, let (member, filter) = joins.popLast() { members.remove(member, under: filter) }
                let parts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    ["a", "b", "users", "$x"].randomElement(using: &random) ?? "a"
                }
                let room = parts.joined(separator: "/")
                let expected = joins.filter { $0.1.matches(room, protecting: ["users"]) }.map(\.0.name).sorted()
                #expect(
                    Self.names(members.recipients(of: room)) == expected,
                    "\(room) of \(joins.map(\.1)), seed \(random.seed)")
            }
        }
    }

    @Test("The cached lists of recipients are bounded in total")
    func manyLists() throws {
        var members = RoomMembers<Member>(maxListed: 100)
        for name in 0..<10 { members.insert(Member(name), under: try TopicFilter("#")) }
        let named = Member(10)
        members.insert(named, under: try TopicFilter("room/0"))
        for round in 0..<100 {
            let names = Self.names(members.recipients(of: "room/\(round % 40)"))
            #expect(names == Array(0..<(round % 40 == 0 ? 11 : 10)))
            #expect(members.listedCount <= 100)
        }
        members.remove(named, under: try TopicFilter("room/0"))
        #expect(members.recipients(of: "room/0").count == 10)
        #expect(members.listedCount <= 100)
    }

    @Test("Cached lists of silent rooms do not retain disconnected members forever")
    func gone() throws {
        var members = RoomMembers<Member>()
        let filter = try TopicFilter("room/#")
        weak var first: Member?
        do {
            let member = Member(1)
            first = member
            members.insert(member, under: filter)
            members.insert(member, under: try TopicFilter("room/b"))
            #expect(members.recipients(of: "room/a").count + members.recipients(of: "room/b").count == 2)
            members.remove(member, under: try TopicFilter("room/b"))
            members.remove(member, under: filter)
        }
        for name in 0..<4096 {
            let member = Member(name)
            members.insert(member, under: filter)
            members.remove(member, under: filter)
        }
        #expect(first == nil)
    }

    @Test(
        "A room's cached list survives joins by unrelated filters and follows matching ones",
        arguments: [1, 10, 100])
    func unrelatedFilters(count: Int) throws {
        var members = RoomMembers<Member>()
        let first = Member(1)
        let second = Member(2)
        members.insert(first, under: try TopicFilter("sensors/+"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1])
        for index in 0..<count { members.insert(second, under: try TopicFilter("other\(index)/#")) }
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1])
        members.insert(second, under: try TopicFilter("sensors/#"))
        for index in 0..<count { members.remove(second, under: try TopicFilter("other\(index)/#")) }
        #expect(Self.names(members.recipients(of: "sensors/a")) == [1, 2])
        members.remove(first, under: try TopicFilter("sensors/+"))
        #expect(Self.names(members.recipients(of: "sensors/a")) == [2])
    }
}
