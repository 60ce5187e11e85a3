import NIOCore
import Testing

@testable import WebServer

/// A WebSocket client that enforces no rules: tests write raw bytes and read the server's frames one by one.
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

    /// Reads the head of the handshake response.
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

    /// Reads the next frame, or returns nil when the server has closed the connection.
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

    /// Returns the code of the next close frame, skipping messages and pongs, or nil when the frame has no code. The
    /// server must send nothing more (section 5.5.1) and close the connection (section 7.1.1).
    func closed(sourceLocation: SourceLocation = #_sourceLocation) async throws -> UInt16? {
        while let frame = try await frame() {
            guard frame.isClose else { continue }
            #expect(frame.isFinal && frame.reserved == 0 && frame.isMinimal, sourceLocation: sourceLocation)
            #expect(try await self.frame() == nil, "nothing follows a close frame", sourceLocation: sourceLocation)
            return frame.closeCode
        }
        throw RawSocket.Failure("the connection ended without a close frame")
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
