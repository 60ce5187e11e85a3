package import NIOCore

/// Turns a message into the bytes that a socket takes, once for all of its recipients.
///
/// Realtime knows no sockets: the WebSocket edge says how a frame looks.
package protocol MessageEncoder: Sendable {
    /// The whole frame, header included, ready to be written to any number of clients.
    func encode(_ message: Message) -> ByteBuffer
}
