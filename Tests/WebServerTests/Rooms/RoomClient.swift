import Core
import Synchronization
import TestSupport
import WebSocketClient

/// A browser tab that sends commands and awaits their answers. Other messages are kept in order.
final class RoomClient: Sendable {
    let socket: WebSocketClient
    private let ids = Atomic(0)
    private let kept = Lock<[JSON]>([])

    init(_ socket: WebSocketClient) { self.socket = socket }

    /// Sends a command and returns its answer.
    func ask(_ type: String, _ payload: String) async throws -> JSON {
        let id = "c\(ids.add(1, ordering: .relaxed).newValue)"
        try await socket.send(text: #"{"type":"\#(type)","id":"\#(id)","payload":\#(payload)}"#)
        return try await socket.nextJSON("the answer to \(type)") { message in
            if message["id"]?.string == id { return true }
            self.kept.withLock { $0.append(message) }
            return false
        }
    }

    func join(_ room: String, more: String = "") async throws -> JSON {
        try await ask("join_room", #"{"room_id":"\#(room)"\#(more)}"#)
    }

    @discardableResult
    func say(_ content: String, in room: String, key: String? = nil) async throws -> JSON {
        let key = key.map { #","idempotency_key":"\#($0)""# } ?? ""
        return try await ask("send_to_room", #"{"room_id":"\#(room)","content":"\#(content)"\#(key)}"#)
    }

    /// Returns the next message of that type, kept ones first, and drops others.
    func next(_ type: String) async throws -> JSON {
        if let message = takeKept(type) { return message }
        return try await socket.nextJSON(type) { $0["type"]?.string == type }
    }

    /// Returns all messages of that type received so far, up to the answers of the commands sent here.
    func all(_ type: String) async throws -> [JSON] {
        // Two commands: an event loop reads sockets before it drains its mailbox, so the first answer may overtake a
        // message.
        for _ in 1...2 { _ = try await ask("clock_sync", #"{"t0":0}"#) }
        var found: [JSON] = []
        while let message = takeKept(type) { found.append(message) }
        return found
    }

    private func takeKept(_ type: String) -> JSON? {
        kept.withLock { kept in
            while !kept.isEmpty {
                let message = kept.removeFirst()
                if message["type"]?.string == type { return message }
            }
            return nil
        }
    }
}

extension LiveServer {
    /// Connects a tab of a user with all permissions on `chat/`.
    func tab(
        _ user: String, join: [String] = ["chat/#"], publish: [String] = ["chat/#", "users/+"], notify: Bool = true
    ) async throws -> RoomClient {
        let token = try await token(user, join: join, publish: publish, notify: notify)
        return RoomClient(try await client(token: token))
    }

    func post(_ path: String, token: String, _ body: String) async throws -> HTTPClientLite.Response {
        try await HTTPClientLite.request(
            "POST", url + path, headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
            body: body)
    }
}

extension JSON {
    /// Returns a member of the payload as text.
    func text(_ name: String) -> String? { self["payload"]?[name]?.string }
    func number(_ name: String) -> Double? { self["payload"]?[name]?.number }
    var code: String? { text("code") }
    var offset: Int? { self["offset"]?.number.map(Int.init) }
}
