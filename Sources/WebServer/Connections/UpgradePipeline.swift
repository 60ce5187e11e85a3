package import NIOCore
import NIOHTTP1
import OpenSSL

/// The beginning of a connection's pipeline, until its first request has been read.
///
///     [PlainRequestGuard ▶ TLS ▶] HTTPInputThrottle ▶ HTTP codec ▶ UpgradeGate ▶ NIO's upgrade handler ─┐
///     ┌─────────────────────────────────────────────────────────────────────────────────────────────┘
///     ├─ upgraded ─▶ the endpoint's handler, alone behind TLS
///     └─ not ──────▶ further handlers for HTTP
package enum UpgradePipeline {
    /// The allocator of receive buffers. A connection keeps its first buffer for life, and most clients send little. So
    /// buffers have 512 bytes at first, which keeps idle connections cheap, and grow up to 16 KiB for clients that send
    /// more.
    private static let receiveBuffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 16_384)

    /// The size of the kernel's receive buffer of a connection, in bytes; the kernel doubles the value. It limits the
    /// input of a client that is not being read, because NIO reads the whole buffer when the client closes its half of
    /// the connection.
    private static let socketReceiveBytes = 32 * 1024

    /// The largest head of a request, in bytes.
    private static let maxHeaderBytes = 32 * 1024

    /// Sets up a new connection. Call it on the channel's event loop.
    ///
    /// - Parameters:
    ///   - certificate: The certificate; `nil` disables TLS.
    ///   - cap: The limit on open connections; `nil` for none.
    ///   - timeout: The time for the client to send its first request.
    ///   - addHTTP: Adds the handlers of a connection that does not become a WebSocket.
    package static func install<HTTP: Sendable>(
        on channel: any Channel, certificate: TLSCertificate?, endpoint: any WebSocketEndpoint, cap: ConnectionCap?,
        timeout: TimeAmount, addHTTP: @escaping @Sendable (any Channel) throws -> HTTP
    ) throws -> EventLoopFuture<UpgradeOutcome<HTTP>> {
        try channel.syncOptions?.setOption(.recvAllocator, value: receiveBuffers)
        try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        try channel.syncOptions?.setOption(.socketOption(.so_rcvbuf), value: socketReceiveBytes)
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<UpgradeOutcome<HTTP>>(
            upgraders: [
                WebSocketUpgrader<HTTP>(endpoint: NIOLoopBound(endpoint, eventLoop: channel.eventLoop), cap: cap)
            ],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture { .http(try addHTTP(channel)) }
            })
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(upgradeConfiguration: upgrade)
        // The handlers of `addHTTP` handle errors, set the framing headers, and send valid headers only.
        configuration.enableErrorHandling = false
        configuration.encoderConfiguration.automaticallySetFramingHeaders = false
        configuration.enableResponseHeaderValidation = false
        configuration.decoderConfiguration.maxHeaderFieldSize = maxHeaderBytes
        configuration.decoderConfiguration.maxHeaderListSize = maxHeaderBytes
        let pipeline = channel.pipeline.syncOperations
        let outcome = try pipeline.configureUpgradableHTTPServerPipeline(configuration: configuration)
        let upgradeHandler = try pipeline.handler(type: NIOTypedHTTPServerUpgradeHandler<UpgradeOutcome<HTTP>>.self)
        try pipeline.addHandler(
            UpgradeGate(endpoint: endpoint, cap: cap, timeout: timeout), position: .before(upgradeHandler))
        try pipeline.addHandler(HTTPInputThrottle(), position: .first)
        if let certificate {
            try pipeline.addHandler(TLSHandler(server: certificate.context), position: .first)
            try pipeline.addHandler(PlainRequestGuard(), position: .first)
        }
        return outcome
    }
}

/// The protocol that a connection's first request selected.
package enum UpgradeOutcome<HTTP: Sendable>: Sendable {
    case http(HTTP)
    case webSocket
}
