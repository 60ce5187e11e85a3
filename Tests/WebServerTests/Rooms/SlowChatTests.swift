import NIOCore
import Realtime
import Services
import TestSupport
import Testing
import WebServer
import WebSocketClient

/// Chat is never left out: who cannot keep up is closed, comes back, and has everything; the others do not notice.
@Suite("Slow clients in chat", .serialized)
struct SlowChatTests {
    @Test("A client that stops reading is closed with 4008 and recovers every message; the others get all at once")
    func slow() async throws {
        let server = try await LiveServer(heartbeat: .init(writeTimeout: .seconds(600)))
        let slow = try await server.tab("slow")
        let others = [try await server.tab("ann"), try await server.tab("bob")]
        let joined = try await slow.join("chat/a")
        let epoch = try #require(joined.text("epoch"))
        for other in others { _ = try await other.join("chat/a") }
        try await slow.socket.pauseReading()

        // More than the sockets' buffers and the queue of a client hold.
        let count = 3000
        let content = String(repeating: "x", count: 8000)
        async let sent: Void = {
            for _ in 1...count {
                await withCheckedContinuation { continuation in
                    server.services.chat.send(content, to: "chat/a", from: "bot", key: nil) { _ in
                        continuation.resume()
                    }
                }
            }
        }()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for other in others {
                group.addTask {
                    for offset in 1...count {
                        let message = try await other.next("chat_message")
                        #expect(message.offset == offset)
                    }
                }
            }
            try await group.waitForAll()
        }
        await sent
        try await slow.socket.resumeReading()
        var last = 0
        do {
            while true {
                let offset = try #require(try await slow.next("chat_message").offset)
                #expect(offset == last + 1)
                last = offset
            }
        } catch is WebSocketClientError {}
        #expect(await slow.socket.closed().code == 4008)
        #expect(last < count)

        let back = try await server.tab("slow")
        while last < count {
            // At most a thousand at once; what is before them is in the history.
            let since = max(last, count - RoomHistory.maxReplayed)
            let page = try await server.services.history.page(of: "chat/a", .after(Int64(last)), limit: since - last)
            last += page.messages.count
            let answer = try await back.join("chat/a", more: #","since":{"offset":\#(last),"epoch":"\#(epoch)"}"#)
            #expect(answer["payload"]?["recovered"]?.bool == true)
            while last < count {
                #expect(try await back.next("chat_message").offset == last + 1)
                last += 1
            }
        }
        try await server.stop()
    }
}
