import Foundation
import NIOCore
import Services
import TestSupport
import Testing
import WebSocketClient

@testable import WebServer

/// Lists are split into pages that end at their limit and at 1 MiB. Following the pages loses nothing.
@Suite("Paging over HTTP")
struct PagingTests {
    /// Returns all elements of a list by following its pages.
    private static func all(
        _ server: LiveServer, _ path: String, _ name: String, token: String, maxPages: Int = 100
    ) async throws -> (elements: [JSON], pageCount: Int) {
        var elements: [JSON] = []
        var next: String?
        for page in 1...maxPages {
            let after = next.map {
                "&after=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")"
            }
            let answer = try await server.get(path + (after ?? ""), token: token)
            #expect(answer.status == 200)
            #expect(answer.body.readableBytes < (1 << 20) + 200_000)
            elements += try answer.json[name]?.array ?? []
            next = try answer.json["next"]?.string
            if next == nil { return (elements, page) }
        }
        Issue.record("more than \(maxPages) pages")
        return (elements, maxPages)
    }

    @Test("Live and stored devices are listed in one order, each once")
    func devices() async throws {
        let server = try await LiveServer()
        // The `d` devices are stored; the `e` devices are only in memory.
        for number in 0..<700 { try server.ingest("sensors/d\(number)/temperature", "\(number)") }
        for number in 0..<300 { try server.publish("e\(number)", [("temperature", Double(number))]) }
        let token = try await server.token()
        let (devices, pageCount) = try await Self.all(server, "/api/devices?limit=150", "devices", token: token)
        let names = devices.compactMap { $0["device"]?.string }
        #expect(names == ((0..<700).map { "d\($0)" } + (0..<300).map { "e\($0)" }).sorted())
        #expect(pageCount == 7)
        #expect(devices.count { $0["first_seen"] != nil } == 700)
        let few = try await server.token("few", join: ["sensors/d42", "sensors/e7"])
        let seen = try await Self.all(server, "/api/devices?limit=1", "devices", token: few).elements
        #expect(seen.compactMap { $0["device"]?.string } == ["d42", "e7"])
        #expect(try await server.get("/api/devices?after=x", token: token).status == 400)
        try await server.stop()
    }

    @Test("A page of large devices ends at about 1 MiB")
    func largeDevices() async throws {
        let server = try await LiveServer()
        let metrics = (0..<200).map { (String(repeating: "m", count: 100) + "\($0)", Double($0)) }
        for number in 100..<200 { try server.publish("d\(number)", metrics) }
        let (devices, pageCount) = try await Self.all(
            server, "/api/devices?limit=10000", "devices", token: try await server.token())
        #expect(devices.count == 100)
        #expect(pageCount > 1)
        try await server.stop()
    }

    @Test("Users and clients are listed in pages, each once")
    func people() async throws {
        let server = try await LiveServer()
        var clients: [WebSocketClient] = []
        for user in ["ann", "bob", "carl"] {
            for _ in 1...2 { clients.append(try await server.client(token: try await server.token(user))) }
        }
        let token = try await server.token("operator", join: ["#"])
        let users = try await Self.all(server, "/api/online?limit=1", "online_users", token: token)
        #expect(users.elements.map(\.string) == ["ann", "bob", "carl"] && users.pageCount == 3)
        let first = try await server.get("/api/clients?limit=2&after=", token: token).json
        let next = try #require(first["next"]?.string)
        #expect(first["total"]?.number == 6 && first["has_more"]?.bool == true)
        let rest = try await server.get("/api/clients?limit=4&after=\(next)", token: token).json
        #expect(rest["next"] == nil && rest["has_more"]?.bool == false)
        let ids = [first, rest].flatMap { $0["clients"]?.array ?? [] }.compactMap { $0["client_id"]?.string }
        #expect(ids.count == 6 && ids == Set(ids).sorted())
        #expect(try await server.get("/api/online?limit=0", token: token).status == 400)
        withExtendedLifetime(clients) {}
        try await server.stop()
    }

    @Test("Rooms are listed by name, with members who joined by name or by a filter")
    func rooms() async throws {
        let server = try await LiveServer()
        for number in 0..<50 { try server.publish("d\(number)", [("temperature", 1)]) }
        let client = try await server.client(token: try await server.token("ann", join: ["#"]))
        try await client.join("sensors/#")
        try await client.join("chat/a")
        let token = try await server.token("bob", join: ["#"])
        let (rooms, pageCount) = try await Self.all(server, "/api/rooms?limit=20", "rooms", token: token)
        #expect(
            rooms.compactMap { $0["room_id"]?.string } == (["chat/a"] + (0..<50).map { "sensors/d\($0)" }).sorted())
        #expect(rooms.allSatisfy { $0["clients"]?.number == 1 })
        #expect(pageCount == 3)
        try await server.stop()
    }

    @Test("A page of a room's history ends at about 1 MiB, in either direction", arguments: ["after=0", "before=1000"])
    func history(bounds: String) async throws {
        let server = try await LiveServer(history: .init(maxContentBytes: 1 << 20))
        for number in 1...20 { try await server.say(String(repeating: "\(number % 10)", count: 200_000), in: "chat/a") }
        let token = try await server.token(join: ["chat/#"])
        var found: [Int] = []
        var bounds = bounds
        for _ in 1...10 {
            let page = try await server.get("/api/rooms/history?room_id=chat/a&limit=500&\(bounds)", token: token).json
            let offsets = try #require(page["messages"]?.array).compactMap { $0["offset"]?.number.map { Int($0) } }
            #expect(offsets == offsets.sorted() && (1...6).contains(offsets.count))
            found = bounds.hasPrefix("after") ? found + offsets : offsets + found
            let isLast = page["has_more"]?.bool == false
            if isLast { break }
            bounds = bounds.hasPrefix("after") ? "after=\(offsets.last ?? 0)" : "before=\(offsets.first ?? 0)"
        }
        #expect(found == Array(1...20))
        try await server.stop()
    }
}
