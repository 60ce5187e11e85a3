import Logging
import NIOPosix
import ServiceLifecycle
import TestSupport
import WebServer

@testable import windsock_echo

/// The real echo server on a free port.
final class EchoFixture: Sendable {
    /// The plain port. When the server accepts TLS only, this is the port of a relay in front of it.
    let port: Int
    private let serviceGroup: ServiceGroup
    private let task: Task<Void, any Error>
    private let relay: TLSRelay?

    init(
        limits: ConnectionLimits, certificate: TestCertificate?, on group: MultiThreadedEventLoopGroup, logger: Logger
    ) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let server = EchoServer(
            configuration: EchoServer.Configuration(
                address: ListenAddress(host: "127.0.0.1", port: 0),
                certificate: try certificate.map {
                    try TLSCertificate(
                        .init(certificate: $0.file, key: $0.keyFile), interval: .seconds(10), logger: logger)
                },
                handshakeTimeout: limits.handshakeTimeout, closeTimeout: limits.closeTimeout),
            group: group, logger: logger, onRunning: { continuation.yield($0) })
        serviceGroup = ServiceGroup(services: [server], logger: .silent)
        task = Task { [serviceGroup] in
            defer { continuation.finish() }
            try await serviceGroup.run()
        }
        var iterator = ports.makeAsyncIterator()
        guard let serverPort = await iterator.next() else {
            try await task.value
            throw RawSocket.Failure("the echo server ended before it was ready")
        }
        if let certificate {
            let relay = try await TLSRelay(to: serverPort, trusting: certificate.file, on: group)
            self.relay = relay
            port = relay.port
        } else {
            relay = nil
            port = serverPort
        }
    }

    /// Shuts the server down and waits until it has stopped.
    func stop() async throws {
        try? await relay?.stop()
        await serviceGroup.triggerGracefulShutdown()
        try await task.value
    }
}
