import Core
import NIOCore
import Realtime
import Services
import TestSupport
import Testing
import WebServer
import WebSocketClient

/// Chat messages are never dropped. A slow client is closed, reconnects and recovers everything; others are unaffected.
@Suite("Slow clients in chat", .serialized)
struct SlowChatTests {
    @Test("A client that stops reading is closed with 4008 and recovers every message; others are unaffected")
    func slow() async throws {
        // A busy machine needs time to read everything before the close frame.
        let server = try await LiveServer(
            limits: ConnectionLimits(closeTimeout: .seconds(120)), heartbeat: .init(writeTimeout: .seconds(600)))
        let slow = try await server.tab("slow")
        let others = [try await server.tab("ann"), try await server.tab("bob")]
        let joined = try await slow.join("chat/a")
        let epoch = try #require(joined.text("epoch"))
        for other in others { _ = try await other.join("chat/a") }
        try await slow.socket.pauseReading()

        let content = String(repeating: "x", count: 8000)
        var count = 0
        var portionsAfterwards = 5
        // Published in batches that the other clients read before the next, so they keep up on a busy machine too. The
        // loop runs until the slow client's socket buffers and queue are full, and a few batches longer.
        while portionsAfterwards > 0, count < 6000 {
            let start = count + 1
            count += 20
            if server.hub.presence.clientCount < 3 { portionsAfterwards -= 1 }
            for _ in 0..<20 {
                _ = await withCheckedContinuation { continuation in
                    server.services.chat.send(content, to: "chat/a", from: "bot", key: nil) {
                        continuation.resume(returning: $0)
                    }
                }
            }
            for other in others {
                for offset in start...count {
                    let message = try await other.next("chat_message")
                    #expect(message.offset == offset)
                }
            }
        }
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
            // A replay covers at most a thousand messages; earlier ones are in the history.
            let since = max(last, count - RoomHistory.maxReplayed)
            while last < since {
                let page = try await server.services.history.page(
                    of: "chat/a", .after(Int64(last)), limit: since - last, for: "ann")
                last = Int(try #require(page.offsets).upperBound)
            }
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
