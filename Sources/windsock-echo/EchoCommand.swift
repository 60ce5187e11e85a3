import ArgumentParser
import Core
import Foundation
import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals
import WebServer

/// The command line of the echo server.
@main
struct EchoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "windsock-echo",
        abstract: "Echo WebSocket messages with the gateway's code, for conformance suites. Not for production.",
        version: WindsockVersion.text)

    @Option(help: "Listen on HOST:PORT; port 0 lets the system choose.")
    var listen = "127.0.0.1:9001"

    @Option(name: .customLong("certificate-file"), help: "Accept TLS only, with this PEM certificate chain.")
    var certificateFile: String?

    @Option(name: .customLong("key-file"), help: "The PEM key of the certificate.")
    var keyFile: String?

    func validate() throws {
        guard ListenAddress(listen) != nil else {
            throw ValidationError(
                "--listen: \"\(listen)\" is not a valid address; expected one such as 127.0.0.1:9001 or [::1]:9001")
        }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw ValidationError("--certificate-file and --key-file require each other.")
        }
    }

    func run() async throws {
        guard let address = ListenAddress(listen) else { return }
        var logger = Logger(label: "windsock-echo")
        logger.logLevel = .notice
        var configuration = EchoServer.Configuration(address: address)
        if let certificateFile, let keyFile {
            configuration.certificate = try TLSCertificate(
                .init(certificate: certificateFile, key: keyFile), interval: .seconds(10), logger: logger)
        }
        let scheme = configuration.certificate == nil ? "ws" : "wss"
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        let server = EchoServer(
            configuration: configuration, group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { port in
            // Not `print`, whose output stays in a buffer when it goes to a pipe.
            let line = "\(scheme)://\(host):\(port)\(EchoEndpoint.path)\n"
            try? FileHandle.standardOutput.write(contentsOf: Data(line.utf8))
        }
        try await ServiceGroup(
            configuration: .init(
                services: [.init(service: server)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
    }
}
