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
    /// The paths of a chain, the server's own certificate first, and of its key; both PEM.
    package struct Files: Sendable {
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }

        /// What the two files are like now.
        fileprivate var stamps: [FileStamp?] { [certificate, key].map { FileStamp(path: $0) } }
    }

    /// Files that cannot be used; names them.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private struct State {
        var context: NIOSSLContext
        var stamps: [FileStamp?]
    }

    private let files: Files
    private let interval: Duration
    private let logger: Logger
    private let state: Lock<State>

    /// Reads the files.
    ///
    /// - Parameter interval: The time between two looks at the files.
    /// - Throws: ``Failure``.
    package init(_ files: Files, interval: Duration = .seconds(10), logger: Logger) throws(Failure) {
        self.files = files
        self.interval = interval
        self.logger = logger
        state = Lock(try Self.load(files, logger))
    }

    /// For a connection that begins now.
    var context: NIOSSLContext { state.withLock(\.context) }

    /// Reads the files anew.
    package func reload() {
        do throws(Failure) {
            let new = try Self.load(files, logger)
            state.withLock { $0 = new }
        } catch {
            logger.error("TLS: the old certificate stays in use", metadata: ["error": "\(error)"])
        }
    }

    /// Reads the files anew whenever they have changed, until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: interval)) != nil {
            let stamps = files.stamps
            let hasChanged = state.withLock { state in
                defer { state.stamps = stamps }
                return state.stamps != stamps
            }
            if hasChanged { reload() }
        }
    }

    private static func load(_ files: Files, _ logger: Logger) throws(Failure) -> State {
        // Taken before reading: a change during it is seen the next time.
        let stamps = files.stamps
        guard let chain = try? NIOSSLCertificate.fromPEMFile(files.certificate), let own = chain.first else {
            throw Failure(description: "\(files.certificate) cannot be read as certificates in PEM form")
        }
        guard let key = try? NIOSSLPrivateKey(file: files.key, format: .pem) else {
            throw Failure(description: "\(files.key) cannot be read as a private key in PEM form without a passphrase")
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
                    "the key in \(files.key) does not belong to the first certificate in \(files.certificate), or one of "
                    + "them cannot be used: \(error)")
        }
        let end = Date(timeIntervalSince1970: TimeInterval(own.notValidAfter))
        logger.info(
            "TLS certificate loaded",
            metadata: ["file": "\(files.certificate)", "valid_until": "\(end.ISO8601Format())"])
        if end < Date() {
            logger.warning("The TLS certificate has expired", metadata: ["file": "\(files.certificate)"])
        }
        return State(context: context, stamps: stamps)
    }
}
