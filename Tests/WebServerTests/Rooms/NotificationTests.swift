import Core
import Services
import Storage
import TestSupport
import Testing
import WebSocketClient

/// Notifications reach their recipients on every connection and stay until they are read.
@Suite("Notifications, live", .serialized)
struct NotificationTests {
    @Test("Connected users get a notification at once on all clients, others when they connect, with the unread count")
    func delivery() async throws {
        let server = try await LiveServer()
        let sender = try await server.token("sender", notify: true)
        let tabs = [try await server.tab("ann"), try await server.tab("ann")]
        let answer = try await server.post(
            "/api/notifications", token: sender,
            #"{"user_ids":["ann","bob","ann"],"title":"Hot","body":"40 °C","link":"/greenhouse","priority":"critical"}"#
        )
        #expect(answer.status == 201)
        #expect(try answer.json["recipients"]?.number == 2)
        let id = try #require(try answer.json["notification_id"]?.string)
        for tab in tabs {
            let notification = try await tab.next("notification")
            #expect(notification.text("notification_id") == id)
            #expect(notification.text("title") == "Hot")
            #expect(notification.text("body") == "40 °C")
            #expect(notification.text("link") == "/greenhouse")
            #expect(notification.text("priority") == "critical")
            #expect(notification.text("created_at") != nil)
            #expect(notification.offset == 1)
            #expect(notification["payload"]?["snapshot"] == nil)
        }
        let bob = try await server.tab("bob")
        #expect(try await bob.next("welcome").number("unread") == 1)
        let waiting = try await bob.next("notification")
        #expect(waiting.text("notification_id") == id)
        #expect(waiting["payload"]?["snapshot"]?.bool == true)
        #expect(waiting.offset == nil)
        try await server.stop()
    }

    @Test("A notification marked as read is read for all of the user's clients, and not sent again")
    func readState() async throws {
        let server = try await LiveServer()
        let sender = try await server.token("sender", notify: true)
        let first = try await server.tab("ann")
        let second = try await server.tab("ann")
        for title in ["one", "two", "three"] {
            _ = try await server.post("/api/notifications", token: sender, #"{"user_id":"ann","title":"\#(title)"}"#)
        }
        let ids = try await first.all("notification").compactMap { $0.text("notification_id") }
        #expect(ids.count == 3)
        let ack = try await first.ask("mark_read", #"{"notification_id":"\#(ids[0])"}"#)
        #expect(ack.number("unread") == 2)
        let seen = try await second.next("notification_read")
        #expect(seen["payload"]?["notification_ids"]?.array?.first?.string == ids[0])
        #expect(seen.number("unread") == 2)
        #expect(try await second.ask("mark_read", #"{"notification_id":"\#(ids[0])"}"#).number("unread") == 2)
        let third = try await server.tab("ann")
        #expect(try await third.next("welcome").number("unread") == 2)
        #expect(try await third.all("notification").map { $0.text("title") } == ["two", "three"])
        #expect(try await third.ask("mark_read", #"{"all":true}"#).number("unread") == 0)
        let all = try await second.next("notification_read")
        #expect(all["payload"]?["all"]?.bool == true)
        let token = try await server.token("ann")
        let page = try await server.get("/api/notifications?limit=2", token: token).json
        #expect(page["unread"]?.number == 0)
        #expect(page["notifications"]?.array?.map { $0["title"]?.string } == ["three", "two"])
        #expect(page["notifications"]?.array?.allSatisfy { $0["read"]?.bool == true } == true)
        #expect(page["has_more"]?.bool == true)
        let rest = try await server.get("/api/notifications?before=\(ids[1])", token: token).json
        #expect(rest["notifications"]?.array?.map { $0["title"]?.string } == ["one"])
        try await server.stop()
    }

    @Test("A notification can go to a room's members or all known users; an idempotency key sends it once")
    func audiences() async throws {
        let server = try await LiveServer()
        let sender = try await server.token("sender", join: ["chat/#"], notify: true)
        let ann = try await server.tab("ann")
        let bob = try await server.tab("bob")
        let gone = try await server.tab("carl")
        _ = try await gone.ask("clock_sync", #"{"t0":0}"#)
        await gone.socket.abort()
        _ = try await ann.join("chat/a")
        func send(_ body: String) async throws -> HTTPClientLite.Response {
            try await server.post("/api/notifications", token: sender, body)
        }
        #expect(try await send(#"{"room_id":"chat/a","title":"room"}"#).json["recipients"]?.number == 1)
        let body = #"{"everyone":true,"title":"all","idempotency_key":"k"}"#
        try await eventually("all three users are known") {
            try await server.services.notifications.everybody().count == 3
        }
        let first = try await send(body)
        #expect(try first.json["recipients"]?.number == 3)
        let second = try await send(body)
        #expect(second.status == 200)
        #expect(try second.json["notification_id"] == first.json["notification_id"])
        #expect(try await send(#"{"everyone":true,"title":"other","idempotency_key":"k"}"#).status == 409)
        #expect(try await ann.all("notification").map { $0.text("title") } == ["room", "all"])
        #expect(try await bob.all("notification").map { $0.text("title") } == ["all"])
        #expect(try await server.tab("carl").next("welcome").number("unread") == 1)
        try await server.stop()
    }

    @Test("Idempotency keys of notifications are separate from rooms, and cover the whole content")
    func keys() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["#"], publish: ["#"], notify: true)
        let said = try await server.post(
            "/api/rooms/messages", token: token, #"{"room_id":"notifications","content":"x","idempotency_key":"k"}"#)
        #expect(said.status == 201)
        func notify(_ expiry: String) async throws -> Int {
            try await server.post(
                "/api/notifications", token: token,
                #"{"user_id":"bob","title":"t","expires_at":"\#(expiry)","idempotency_key":"k"}"#
            ).status
        }
        #expect(try await notify("2099-01-01T00:00:00Z") == 201)
        #expect(try await notify("2099-01-01T00:00:00Z") == 200)
        #expect(try await notify("2099-01-02T00:00:00Z") == 409, "the expiry is part of the content")
        try await server.stop()
    }

    @Test("An expired notification is neither sent nor counted")
    func expiry() async throws {
        let server = try await LiveServer()
        let sender = try await server.token("sender", notify: true)
        for expiry in ["2001-01-01T00:00:00Z", "2090-01-01T00:00:00Z"] {
            let body = #"{"user_id":"ann","title":"\#(expiry)","expires_at":"\#(expiry)"}"#
            #expect(try await server.post("/api/notifications", token: sender, body).status == 201)
        }
        let ann = try await server.tab("ann")
        #expect(try await ann.next("welcome").number("unread") == 1)
        #expect(try await ann.next("notification").text("title") == "2090-01-01T00:00:00Z")
        try await server.stop()
    }

    @Test(
        "An invalid notification is rejected with what is allowed",
        arguments: [
            #"{"user_id":"ann"}"#, #"{"user_id":"ann","title":""}"#, #"{"title":"x"}"#,
            #"{"user_id":"ann","everyone":true,"title":"x"}"#, #"{"everyone":false,"title":"x"}"#,
            #"{"user_id":"a/b","title":"x"}"#, #"{"user_ids":[],"title":"x"}"#, #"{"room_id":"chat/#","title":"x"}"#,
            #"{"user_id":"ann","title":"x","priority":"urgent"}"#,
            #"{"user_id":"ann","title":"x","expires_at":"soon"}"#,
            #"{"user_id":"ann","title":"x","link":"javascript:alert(1)"}"#,
            #"{"user_id":"ann","title":"x","link":"//evil.example"}"#,
            #"{"user_id":"ann","title":"x","link":"/\\evil.example"}"#,
            #"{"user_id":"ann","title":"x","link":"data:text/html,x"}"#,
            #"{"user_id":"ann","title":"x","link":"greenhouse"}"#, #"{"user_id":"ann","title":7}"#,
        ])
    func refusals(body: String) async throws {
        let server = try await LiveServer()
        let sender = try await server.token("sender", join: ["chat/#"], notify: true)
        let answer = try await server.post("/api/notifications", token: sender, body)
        #expect(answer.status == 400)
        #expect(try answer.json["detail"]?.string?.isEmpty == false)
        try await server.stop()
    }

    @Test("A notification to many users is stored in portions and reaches each once")
    func many() async throws {
        let server = try await LiveServer()
        let service = server.services.notifications
        let users = (0..<300).map { UserID(unchecked: "user-\($0)") }
        let draft = try NotificationDraft(title: "t", body: String(repeating: "x", count: 4000))
        let sent = try await service.send(draft, to: users, from: "ops", key: "k")
        #expect(sent.recipientCount == 300)
        #expect(!sent.isRepeated)
        for _ in 0..<2 {
            for user in users {
                let page = try await service.page(of: user, before: nil, unreadOnly: false, limit: 9)
                #expect(page.notifications.map(\.notificationID) == [sent.notificationID])
            }
            let again = try await service.send(draft, to: users, from: "ops", key: "k")
            #expect(again.isRepeated)
            #expect(again.notificationID == sent.notificationID)
        }
        try await server.stop()
    }

    @Test("A notification to too many unknown users is rejected as a whole")
    func tooManyUnknown() async throws {
        let server = try await LiveServer(history: .init(maxInboxesPerSender: 400))
        let service = server.services.notifications
        let draft = try NotificationDraft(title: "t", body: "b")
        let users = (0..<500).map { UserID(unchecked: "user-\($0)") }
        await #expect(throws: RequestError.self) {
            _ = try await service.send(draft, to: users, from: "ops", key: nil)
        }
        #expect(try await service.page(of: "user-0", before: nil, unreadOnly: false, limit: 9).notifications.isEmpty)
        #expect(
            try await service.send(draft, to: Array(users.prefix(400)), from: "ops", key: nil).recipientCount == 400)
        try await server.stop()
    }
}
