import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Chat, presence and notifications in real browsers, across a restart of the gateway.
@Suite("People in browsers", .serialized)
struct PeopleTests {
    /// A user's tab with the chat open.
    private struct Tab {
        let browser: WebDriver

        static func open(_ user: String, at gateway: GatewayProcess) async throws -> Tab {
            let tab = Tab(browser: try await WebDriver.start(width: 1280, height: 800))
            try await tab.signIn(user, at: gateway)
            return tab
        }

        func signIn(_ user: String, at gateway: GatewayProcess) async throws {
            let token = try await GatewayProcess.token(
                user: user, join: ["sensors/#", "chat/#"], publish: ["chat/#", "users/+"])
            try await browser.navigate(to: "\(gateway.url)/?chat=chat/ops#token=\(token)")
            try await waitUntilOpen()
            try await browser.find("#chat-toggle").click()
            try await browser.waitUntil("!document.getElementById('chat').hidden")
        }

        func waitUntilOpen() async throws {
            try await browser.waitUntil(
                "document.documentElement.dataset.connection === 'open'", within: .seconds(60))
        }

        func say(_ text: String) async throws {
            try await browser.find("#chat-input").type(text)
            try await browser.find("#chat-send").click()
        }

        /// Returns the texts in the chat log, top to bottom.
        func texts() async throws -> [String] {
            let script = "return [...document.querySelectorAll('#chat-log .chat-text')].map(node => node.textContent)"
            return (try await browser.execute(script).array ?? []).compactMap(\.string)
        }

        func waitForTexts(_ texts: [String]) async throws {
            let expected = try JSONEncoder().encode(texts)
            try await browser.waitUntil(
                """
                JSON.stringify([...document.querySelectorAll('#chat-log .chat-text')].map(node => node.textContent))
                    === JSON.stringify(\(String(decoding: expected, as: UTF8.self)))
                """, within: .seconds(60))
        }

        /// Waits until the page lists these members.
        func waitForMembers(_ users: String) async throws {
            try await browser.waitUntil("document.getElementById('chat-members').dataset.users === '\(users)'")
        }

        /// Waits for the bell's unread count, which is absent when everything was read.
        func waitForUnread(_ count: String) async throws {
            let bell = "document.getElementById('bell-count')"
            try await browser.waitUntil(
                count == "0" ? "\(bell).hidden" : "!\(bell).hidden && \(bell).textContent === '\(count)'")
        }

        func notificationIsRead(_ title: String) -> String {
            """
            [...document.querySelectorAll('.notification')].some(item => item.dataset.read === 'true'
                && item.querySelector('strong').textContent === '\(title)')
            """
        }
    }

    @Test(
        "Chat, presence, notifications and read state of two users in three tabs survive a kill of the gateway"
    )
    func threeTabs() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-people-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = try await MosquittoBroker.start()
        let arguments = ["--set", "presence.grace=1s"]
        let first = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder, arguments: arguments)
        let ann = try await Tab.open("ann", at: first)
        let other = try await Tab.open("ann", at: first)
        let bob = try await Tab.open("bob", at: first)
        for tab in [ann, other, bob] { try await tab.waitForMembers("ann,bob") }

        try await ann.say("one")
        try await bob.say("<b>two</b>")
        for tab in [ann, other, bob] { try await tab.waitForTexts(["one", "<b>two</b>"]) }

        // Bob leaves; his notifications are kept for him.
        try await bob.browser.navigate(to: "about:blank")
        try await ann.waitForMembers("ann")
        let sender = try await GatewayProcess.token(user: "alarm", notify: true)
        func notify(_ title: String, _ priority: String, _ gateway: GatewayProcess) async throws {
            let response = try await HTTPClientLite.post(
                "\(gateway.url)/api/notifications",
                json: #"{"user_ids":["ann","bob"],"title":"\#(title)","priority":"\#(priority)"}"#,
                headers: [("Authorization", "Bearer \(sender)")])
            #expect(response.status == 201)
        }
        try await notify("Too warm", "critical", first)
        for tab in [ann, other] {
            try await tab.waitForUnread("1")
            _ = try await tab.browser.waitFor(".toast[data-priority=critical]")
        }
        // Closing the toast in one tab marks the notification as read in both.
        try await ann.browser.find(".toast button").click()
        for tab in [ann, other] {
            try await tab.waitForUnread("0")
            try await tab.browser.waitUntil("document.querySelector('.toast') === null")
            try await tab.browser.waitUntil(tab.notificationIsRead("Too warm"))
        }

        // The gateway is killed while Ann is chatting. Her messages are sent when it is back.
        var said = ["one", "<b>two</b>"]
        for number in 1...6 {
            try await ann.say("m\(number)")
            said.append("m\(number)")
            if number == 3 { first.process.kill() }
        }
        try await other.browser.waitUntil("document.documentElement.dataset.connection !== 'open'")
        let second = try await GatewayProcess(
            mqttURL: broker.url, port: first.port, dataDirectory: folder, arguments: arguments)
        for tab in [ann, other] {
            try await tab.waitUntilOpen()
            try await tab.waitForTexts(said)
        }
        try await notify("All is well", "normal", second)
        for tab in [ann, other] { try await tab.waitForUnread("1") }

        // Bob returns: the same history, both notifications, and no duplicates.
        try await bob.signIn("bob", at: second)
        try await bob.waitForTexts(said)
        try await bob.waitForUnread("2")
        try await ann.waitForMembers("ann,bob")
        try await bob.browser.find("#bell").click()
        try await bob.browser.waitUntil("document.querySelectorAll('.notification').length === 2")
        _ = try await bob.browser.screenshot(to: try Self.picture("notifications"))
        try await bob.browser.find("#read-all").click()
        try await bob.waitForUnread("0")
        try await ann.waitForUnread("1")
        try await bob.browser.find("#chat-toggle").click()
        try await bob.say("back")
        said.append("back")
        for tab in [ann, other, bob] {
            try await tab.waitForTexts(said)
            #expect(try await tab.texts() == said)
        }
        _ = try await ann.browser.screenshot(to: try Self.picture("chat"))
        for tab in [ann, other, bob] { await tab.browser.quit() }
        try await second.process.terminate()
    }

    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "people-\(name).png")
    }
}
