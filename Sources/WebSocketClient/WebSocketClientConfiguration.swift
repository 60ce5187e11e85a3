/// Limits and deadlines of a ``WebSocketClient``.
package struct WebSocketClientConfiguration: Sendable {
    /// The longest frame taken, in bytes of payload; a longer one ends the connection with 1009.
    package var maxFrameBytes: Int
    /// The longest message taken, over all its fragments.
    package var maxMessageBytes: Int
    /// How many received messages wait for the consumer before reading from the socket stops. What one read from
    /// the socket held (64 KiB at most) may come on top.
    package var maxBufferedMessages: Int
    /// The same limit in bytes.
    package var maxBufferedBytes: Int
    /// How much of the body of a refusal is kept.
    package var maxRefusalBodyBytes: Int
    /// For connecting, and again for the handshake.
    package var handshakeTimeout: Duration
    /// How long the server may take to answer a Close frame before the socket is closed.
    package var closeTimeout: Duration
    /// The size of the socket's receive buffer; `nil` leaves it to the system. Small ones make a client that stops
    /// reading felt sooner.
    package var receiveBufferBytes: Int?
    /// A file of certificates, PEM, that `wss://` trusts; the system's when `nil`.
    package var caFile: String?

    package init(
        maxFrameBytes: Int = 1 << 20,
        maxMessageBytes: Int = 1 << 20,
        maxBufferedMessages: Int = 256,
        maxBufferedBytes: Int = 1 << 20,
        maxRefusalBodyBytes: Int = 16 << 10,
        handshakeTimeout: Duration = .seconds(10),
        closeTimeout: Duration = .seconds(5),
        receiveBufferBytes: Int? = nil,
        caFile: String? = nil
    ) {
        self.maxFrameBytes = min(max(maxFrameBytes, 125), Int(UInt32.max))
        self.maxMessageBytes = maxMessageBytes
        self.maxBufferedMessages = max(maxBufferedMessages, 1)
        self.maxBufferedBytes = max(maxBufferedBytes, 1)
        self.maxRefusalBodyBytes = maxRefusalBodyBytes
        self.handshakeTimeout = handshakeTimeout
        self.closeTimeout = closeTimeout
        self.receiveBufferBytes = receiveBufferBytes
        self.caFile = caFile
    }
}
