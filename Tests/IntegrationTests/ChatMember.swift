import Core
import Foundation
import Synchronization
import TestSupport

/// One of many chat clients: a thread with a blocking socket, light enough for two hundred of them.
///
/// It sends its messages one by one, each with an idempotency key, and resends a message when it was cut off before the
/// answer. It reads everything and records any message that does not have the next offset.
final class ChatMember: Sendable {
    struct State {
        /// The last received offset. Everything before it was received in order.
        var offset = 0
        /// A digest of all contents, in order.
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        var acknowledged = 0
        var connections = 0
        var isJoined = false
        /// Joins whose replay could not cover everything that was missed.
        var catchUps = 0
        var faults: [String] = []
    }

    /// State shared by all members.
    struct Room: Sendable {
        let port: Int
        let room: String
        let messagesPerMember: Int
    }

    private struct Cut: Error {}

    private let name: String
    private let token: String
    private let room: Room
    private let state = Lock(State())
    private let descriptor = Lock<Int32>(-1)
    private let mayTalk = Atomic(false)
    private let isStopping = Atomic(false)

    init(name: String, token: String, room: Room) {
        self.name = name
        self.token = token
        self.room = room
        let thread = Thread { self.run() }
        thread.stackSize = 512 * 1024
        thread.start()
    }

    var snapshot: State { state.withLock { $0 } }

    /// Lets the member start sending messages.
    func talk() {
        mayTalk.store(true, ordering: .relaxed)
        // The answer to this command triggers the first message.
        descriptor.withLock {
            if $0 >= 0 { try? Self.write(#"{"type":"clock_sync","id":"go","payload":{"t0":0}}"#, to: $0) }
        }
    }

    /// Breaks the connection, as a network failure would.
    func cut() {
        descriptor.withLock { if $0 >= 0 { _ = shutdown($0, Int32(SHUT_RDWR)) } }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        cut()
    }

    // MARK: The thread

    private func run() {
        var epoch: String?
        while !isStopping.load(ordering: .relaxed) {
            do {
                try connect()
                try talkAndListen(&epoch)
            } catch {
                // The connection was cut; it reconnects.
            }
            descriptor.withLock { descriptor in
                if descriptor >= 0 { close(descriptor) }
                descriptor = -1
            }
        }
    }

    private func connect() throws {
        let descriptor = try Self.connect(to: room.port)
        self.descriptor.withLock { $0 = descriptor }
        let request =
            "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            + "Authorization: Bearer \(token)\r\n\r\n"
        try Self.send(Array(request.utf8), to: descriptor)
        state.withLock { $0.connections += 1 }
    }

    private func talkAndListen(_ epoch: inout String?) throws {
        let socket = descriptor.withLock { $0 }
        var input = [UInt8](repeating: 0, count: 256 * 1024)
        var count = 0
        var isUpgraded = false
        while true {
            let received = recv(socket, &input[count], input.count - count, 0)
            guard received > 0 else { throw Cut() }
            count += received
            var consumed = 0
            try input.withUnsafeBytes { bytes in
                if !isUpgraded {
                    guard let end = Self.find("\r\n\r\n", in: bytes[..<count]) else { return }
                    consumed = end + 4
                    isUpgraded = true
                    try join(epoch, socket)
                }
                while let (payload, next) = Self.frame(in: bytes, from: consumed, to: count) {
                    switch bytes[consumed] & 0x0F {
                    case 0x1: try receive(UnsafeRawBufferPointer(rebasing: bytes[payload]), &epoch, socket)
                    case 0x9: try Self.send([0x8A, 0x80, 0, 0, 0, 0], to: socket)  // a pong to the gateway's empty ping
                    default: throw Cut()
                    }
                    consumed = next
                }
            }
            if consumed > 0 {
                input.withUnsafeMutableBytes {
                    $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[consumed..<count]))
                }
                count -= consumed
            }
        }
    }

    private func join(_ epoch: String?, _ socket: Int32) throws {
        let since = epoch.map { #","since":{"offset":\#(snapshot.offset),"epoch":"\#($0)"}"# } ?? ""
        try Self.write(#"{"type":"join_room","id":"join","payload":{"room_id":"\#(room.room)"\#(since)}}"#, to: socket)
    }

    private func receive(_ text: UnsafeRawBufferPointer, _ epoch: inout String?, _ socket: Int32) throws {
        // {"type":"… – the tenth byte identifies the message types of this test.
        switch text[9] {
        case UInt8(ascii: "c") where text[10] == UInt8(ascii: "h"): heard(text)
        case UInt8(ascii: "c"): try sayNext(socket)  // clock_sync
        case UInt8(ascii: "a"):
            state.withLock { $0.acknowledged += 1 }
            try sayNext(socket)
        case UInt8(ascii: "j"):
            let message = String(decoding: text, as: UTF8.self)
            if epoch != nil, !message.contains("\"recovered\":true") { try catchUp(message) }
            if epoch == nil, let range = message.firstRange(of: "\"epoch\":\"") {
                epoch = String(message[range.upperBound...].prefix { $0 != "\"" })
            }
            state.withLock { $0.isJoined = true }
            try sayNext(socket)
        case UInt8(ascii: "e"):
            fault(String(decoding: text, as: UTF8.self))
            throw Cut()
        default: break
        }
    }

    /// Reads the history over HTTP up to the room's offset at the join, because the replay did not cover everything.
    private func catchUp(_ joined: String) throws {
        guard let range = joined.firstRange(of: "\"offset\":"),
            let end = Int(joined[range.upperBound...].prefix { $0.isNumber })
        else { return fault("no offset: \(joined)") }
        state.withLock { $0.catchUps += 1 }
        while snapshot.offset < end {
            // A response of this size arrives in one chunk, which the simple parser below requires.
            let limit = min(250, end - snapshot.offset)
            let query = "room_id=\(room.room)&limit=\(limit)&after=\(snapshot.offset)"
            let messages = try get("/api/rooms/history?\(query)")["messages"]?.arrayValue ?? []
            guard !messages.isEmpty else { return fault("no history after \(snapshot.offset)") }
            for message in messages {
                hear(
                    Int(message["offset"]?.integerValue ?? 0),
                    Array((message["payload"]?["content"]?.stringValue ?? "").utf8))
            }
        }
    }

    /// Sends a blocking HTTP request. The response is parsed with the product's own parser: Foundation's decoder
    /// creates an error with a backtrace for every wrong guess, which would take two hundred members minutes.
    private func get(_ target: String) throws -> JSONValue {
        let descriptor = try Self.connect(to: room.port)
        defer { close(descriptor) }
        let request =
            "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer \(token)\r\n\r\n"
        try Self.send(Array(request.utf8), to: descriptor)
        var answer: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(descriptor, &part, part.count, 0), count > 0 { answer += part[..<count] }
        guard let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else { throw Cut() }
        return try JSONParser.parse(Array(answer[end.upperBound...]))
    }

    private func sayNext(_ socket: Int32) throws {
        let number = snapshot.acknowledged + 1
        guard mayTalk.load(ordering: .relaxed), number <= room.messagesPerMember else { return }
        let content = "\(name):\(number)"
        try Self.write(
            #"{"type":"send_to_room","id":"\#(number)","payload":{"room_id":"\#(room.room)","#
                + #""content":"\#(content)","idempotency_key":"\#(content)"}}"#, to: socket)
    }

    private func heard(_ text: UnsafeRawBufferPointer) {
        // Search behind the content, which is short and has no quotes. Some messages name their trace after it.
        guard let member = Self.find("\"offset\":", in: text[...]) else { return fault("no offset") }
        var offset = 0
        var index = member + 9
        while text[index] >= UInt8(ascii: "0"), text[index] <= UInt8(ascii: "9") {
            offset = offset * 10 + Int(text[index] - UInt8(ascii: "0"))
            index += 1
        }
        guard let start = Self.find("\"content\":\"", in: text[...]) else { return fault("no content") }
        var end = start + 11
        while text[end] != UInt8(ascii: "\"") { end += 1 }
        hear(offset, Array(text[start + 11..<end]))
    }

    private func hear(_ offset: Int, _ content: [UInt8]) {
        state.withLock { state in
            if offset != state.offset + 1, state.faults.count < 5 {
                state.faults.append("\(offset) after \(state.offset)")
            }
            state.offset = offset
            for byte in content { state.digest = (state.digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
    }

    private func fault(_ text: String) {
        state.withLock { if $0.faults.count < 5 { $0.faults.append(text) } }
    }

    // MARK: Bytes

    private static func connect(to port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw Cut()
        }
        return descriptor
    }

    /// Returns the start of the next whole frame's payload and the start of the frame after it.
    private static func frame(
        in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int
    ) -> (payload: Range<Int>, next: Int)? {
        guard end - start >= 2 else { return nil }
        var length = Int(bytes[start + 1] & 0x7F)
        var header = 2
        if length == 126 {
            guard end - start >= 4 else { return nil }
            length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
            header = 4
        }
        guard end - start >= header + length else { return nil }
        return (start + header..<start + header + length, start + header + length)
    }

    private static func find(_ text: StaticString, in bytes: Slice<UnsafeRawBufferPointer>) -> Int? {
        let needle = text.utf8Start
        let count = text.utf8CodeUnitCount
        guard bytes.count >= count, let base = bytes.base.baseAddress else { return nil }
        var index = bytes.startIndex
        while index <= bytes.endIndex - count {
            if bytes.base[index] == needle[0], memcmp(base + index, needle, count) == 0 {
                return index
            }
            index += 1
        }
        return nil
    }

    /// Writes a text frame. The all-zero mask leaves the payload unchanged (RFC 6455 section 5.3).
    private static func write(_ text: String, to socket: Int32) throws {
        let payload = Array(text.utf8)
        var frame: [UInt8] = [0x81]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        try send(frame + [0, 0, 0, 0] + payload, to: socket)
    }

    private static func send(_ bytes: [UInt8], to socket: Int32) throws {
        guard Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Cut() }
    }
}
