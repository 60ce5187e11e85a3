import NIOCore
import Testing

@testable import WebServer

/// A WebSocket client that keeps no rule by itself: tests write its bytes, and read the server's frames one by one.
final class RawWebSocket {
    let socket: RawSocket
    private var received = ByteBuffer()
    private var hasEnded = false

    init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        socket = try RawSocket(port: port, receiveBufferBytes: receiveBufferBytes)
    }

    // MARK: Sending

    func send(_ bytes: [UInt8]...) async throws {
        var all: [UInt8] = []
        for part in bytes { all += part }
        try await socket.send(all)
    }

    // MARK: Receiving

    /// The head of the answer to the handshake.
    func response() async throws -> RawResponse {
        let end = Array("\r\n\r\n".utf8)
        while true {
            let view = received.readableBytesView
            if let range = view.firstRange(of: end) {
                let head = String(decoding: view[..<range.lowerBound], as: UTF8.self)
                received.moveReaderIndex(to: range.upperBound)
                return RawResponse(head: head)
            }
            guard try await receive() else {
                throw RawSocket.Failure("the server ended the connection without an answer")
            }
        }
    }

    /// The next frame; nil when the server has ended the connection.
    func frame() async throws -> ReceivedFrame? {
        while true {
            if let frame = try ReceivedFrame.take(from: &received) { return frame }
            guard try await receive() else {
                guard received.readableBytes == 0 else {
                    throw RawSocket.Failure("the connection ended within a frame")
                }
                return nil
            }
        }
    }

    /// The code of the next close frame, past messages and pongs, after which the server must say nothing more
    /// (section 5.5.1) and end the connection (section 7.1.1). nil when the frame carries no code.
    func closed(sourceLocation: SourceLocation = #_sourceLocation) async throws -> UInt16? {
        while let frame = try await frame() {
            guard frame.isClose else { continue }
            #expect(frame.isFinal && frame.reserved == 0 && frame.isMinimal, sourceLocation: sourceLocation)
            #expect(try await self.frame() == nil, "nothing follows a close frame", sourceLocation: sourceLocation)
            return frame.closeCode
        }
        throw RawSocket.Failure("the connection ended without a close frame")
    }

    /// Waits for the end of the connection, by FIN or RST; what still came is dropped.
    func ended() async {
        while (try? await receive()) == true {}
    }

    private func receive() async throws -> Bool {
        guard !hasEnded else { return false }
        let bytes = try await socket.receive()
        hasEnded = bytes.isEmpty
        received.discardReadBytes()
        received.writeBytes(bytes)
        return !hasEnded
    }
}
