import Core
import Foundation
import TestSupport
import Testing

@testable import WebServer

/// Creating, listing and revoking share links: who may, within which limits, and what is stored of them.
@Suite("Routes of shares")
struct ShareRouteTests {
    @Test("A share has the dashboard's rooms and an expiry; its token is shown once and neither stored nor logged")
    func creation() async throws {
        let folder = try TemporaryFolder()
        let fixture = try await ShareFixture(data: folder.url.path)
        let answer = try await fixture.server.post(
            "/api/shares", token: fixture.operators, #"{"dashboard":"open","name":"Wall, 2nd floor","ttl":"7d"}"#)
        #expect(answer.status == 201)
        let share = try answer.json
        #expect(share["rooms"]?.array?.map(\.string) == ["sensors/open", "chat/open"])
        #expect(share["name"]?.string == "Wall, 2nd floor" && share["created_by"]?.string == "operator")
        let token = try #require(share["token"]?.string)
        #expect(share["link"]?.string == "/?dashboard=open#token=\(token)")
        let times = ["created_at", "expires_at"].compactMap { share[$0]?.string.flatMap { Timestamp(iso8601: $0) } }
        #expect(times.count == 2 && times[1].since(times[0]) == .seconds(7 * 86_400))

        let list = try await fixture.server.get("/api/shares?dashboard=open", token: fixture.operators)
        let listed = try list.json["shares"]?.array
        #expect(listed?.map { $0["share_id"] } == [share["share_id"]])
        #expect(!list.text.contains("token"))
        #expect(try await fixture.listed(query: "?dashboard=all") == [])
        _ = try await fixture.server.client(token: token)
        try await fixture.server.stop()
        let secret = Data(token.dropFirst(ShareStore.tokenPrefix.count).utf8)
        for file in try FileManager.default.contentsOfDirectory(at: folder.url, includingPropertiesForKeys: nil) {
            #expect(try Data(contentsOf: file).range(of: secret) == nil, "\(file.lastPathComponent)")
        }
        #expect(!fixture.server.log.text.contains(String(decoding: secret, as: UTF8.self)))
    }

    @Test("Only a token with the claim share, and with all of the dashboard's rooms, may share it and sees its shares")
    func rights() async throws {
        let fixture = try await ShareFixture()
        let server = fixture.server
        let id = try #require(try await fixture.share("all")["share_id"]?.string)
        let viewer = try await server.token("viewer", join: ["#"], publish: ["#"], notify: true)
        #expect(try await server.post("/api/shares", token: viewer, #"{"dashboard":"open"}"#).status == 403)
        #expect(try await server.get("/api/shares", token: viewer).status == 403)
        #expect(try await fixture.revoke(id, token: viewer).status == 403)

        let narrow = try await server.token("narrow", join: ["sensors/open", "chat/open"], share: true)
        let refused = try await server.post("/api/shares", token: narrow, #"{"dashboard":"all"}"#)
        #expect(refused.status == 403 && refused.text.contains("sensors/+"))
        #expect(try await fixture.revoke(id, token: narrow).status == 404)
        let own = try #require(try await fixture.share("open", token: narrow)["share_id"]?.string)
        #expect(try await fixture.listed(token: narrow) == [own])
        #expect(try await fixture.listed() == [id, own].sorted())
        #expect(try await fixture.listed(query: "?limit=1") == [[id, own].min()])
        #expect(try await fixture.listed(query: "?after=\([id, own].sorted()[0])") == [[id, own].max()])
        #expect(try await fixture.revoke(own).status == 200)
        #expect(try await fixture.revoke(own).status == 404)
        #expect(try await fixture.listed(token: narrow) == [])
        try await server.stop()
    }

    @Test(
        "A malformed request is refused, and the answer says what is allowed",
        arguments: [
            ("{}", 400, "dashboard"), (#"{"dashboard":7}"#, 400, "dashboard"),
            (#"{"dashboard":"nope"}"#, 404, "nope"), (#"{"dashboard":"../open"}"#, 404, "../open"),
            (#"{"dashboard":"open","ttl":"59s"}"#, 400, "1m to 366d"),
            (#"{"dashboard":"open","ttl":"367d"}"#, 400, "1m to 366d"),
            (#"{"dashboard":"open","ttl":7}"#, 400, "1m to 366d"),
            (#"{"dashboard":"open","ttl":"-1d"}"#, 400, "1m to 366d"),
            (#"{"dashboard":"open","name":""}"#, 400, "80 characters"),
            (#"{"dashboard":"open","name":"a\u0000b"}"#, 400, "control"),
            (#"{"dashboard":"open","names":"x"}"#, 400, #"\"names\"; did you mean \"name\"?"#),
            (#"{"dashboard":"open","rooms":["+"]}"#, 400, "allowed: dashboard, name, ttl"),
            (#"{"dashboard":"open","dashboard":"all"}"#, 400, "JSON"), ("[]", 400, "object"), ("", 400, "JSON"),
        ])
    func refusals(body: String, status: Int, words: String) async throws {
        let fixture = try await ShareFixture()
        let answer = try await fixture.server.post("/api/shares", token: fixture.operators, body)
        #expect(answer.status == status && answer.text.contains(words), "\(answer.status) \(answer.text)")
        let long = String(repeating: "é", count: 81)
        let named = try await fixture.server.post(
            "/api/shares", token: fixture.operators, #"{"dashboard":"open","name":"\#(long)"}"#)
        #expect(named.status == 400)
        #expect(try await fixture.listed() == [])
        try await fixture.server.stop()
    }

    @Test("A user may have 50 shares; another user may still create some")
    func limit() async throws {
        let fixture = try await ShareFixture()
        var last: JSON?
        for _ in 0..<50 { last = try await fixture.share() }
        let refused = try await fixture.server.post("/api/shares", token: fixture.operators, #"{"dashboard":"open"}"#)
        #expect(refused.status == 409 && refused.text.contains("at most 50"))
        let other = try await fixture.server.token("other", join: ["#"], share: true)
        _ = try await fixture.share(token: other)
        #expect(try await fixture.revoke(last?["share_id"]?.string).status == 200)
        _ = try await fixture.share()
        try await fixture.server.stop()
    }
}
