import Core
import Foundation
package import Logging
import NIOCore
import NIOSSL

/// The certificate and the key that the server shows, read anew when their files change.
///
/// A connection keeps the certificate that it began with. When new files have a mistake, the old ones stay in use and the log
/// says what it is. TLS 1.2 and later (RFC 8996); the suites are those of BoringSSL.
package final class TLSCertificate: Sendable {
    /// Files that cannot be used; names them.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private struct State {
        var context: NIOSSLContext
        var stamps: [FileStamp?]
    }

    private let certificateFile: String
    private let keyFile: String
    private let interval: Duration
    private let logger: Logger
    private let state: Lock<State>

    /// Reads a chain and its key, both PEM; the server's own certificate comes first in the chain.
    ///
    /// - Parameter interval: How often the files are looked at.
    /// - Throws: ``Failure``.
    package init(
        certificateFile: String, keyFile: String, interval: Duration = .seconds(10), logger: Logger
    ) throws(Failure) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.interval = interval
        self.logger = logger
        state = Lock(try Self.load(certificateFile, keyFile, logger))
    }

    /// For a connection that begins now.
    var context: NIOSSLContext { state.withLock(\.context) }

    /// Reads the files anew.
    package func reload() {
        do throws(Failure) {
            let new = try Self.load(certificateFile, keyFile, logger)
            state.withLock { $0 = new }
        } catch {
            logger.error("TLS: the old certificate stays in use", metadata: ["error": "\(error)"])
        }
    }

    /// Reads the files anew whenever they have changed, until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: interval)) != nil {
            let stamps = Self.stamps(certificateFile, keyFile)
            let hasChanged = state.withLock { state in
                defer { state.stamps = stamps }
                return state.stamps != stamps
            }
            if hasChanged { reload() }
        }
    }

    private static func stamps(_ files: String...) -> [FileStamp?] { files.map { FileStamp(path: $0) } }

    private static func load(
        _ certificateFile: String, _ keyFile: String, _ logger: Logger
    ) throws(Failure) -> State {
        // Taken before reading: a change during it is seen the next time.
        let stamps = stamps(certificateFile, keyFile)
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificateFile), let own = chain.first else {
            throw Failure(description: "\(certificateFile) cannot be read as certificates in PEM form")
        }
        guard let key = try? NIOSSLPrivateKey(file: keyFile, format: .pem) else {
            throw Failure(description: "\(keyFile) cannot be read as a private key in PEM form without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // A connection that we close ends with this: while halves can be closed, the peer's farewell does not end it.
        configuration.shutdownTimeout = .milliseconds(50)
        let context: NIOSSLContext
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw Failure(
                description:
                    "the key in \(keyFile) does not belong to the first certificate in \(certificateFile), or one of "
                    + "them cannot be used: \(error)")
        }
        let end = Date(timeIntervalSince1970: TimeInterval(own.notValidAfter))
        logger.info(
            "TLS certificate loaded", metadata: ["file": "\(certificateFile)", "valid_until": "\(end.ISO8601Format())"])
        if end < Date() { logger.warning("The TLS certificate has expired", metadata: ["file": "\(certificateFile)"]) }
        return State(context: context, stamps: stamps)
    }
}
