import Core
import Foundation
import HTTPTypes
package import Logging
import NIOCore
import OpenSSL

/// The server's certificate and key, reloaded when their files change.
///
/// A connection keeps the certificate that it started with. When new files are invalid, the old ones stay in use and
/// the error is logged. ``TLSContext`` says which versions and ciphers are allowed.
package final class TLSCertificate: Sendable {
    /// The paths of a certificate chain, with the server's own certificate first, and of its key. Both are PEM files.
    package struct Files: Sendable {
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }

        /// The current fingerprints of the two files; `nil` for one that does not exist.
        fileprivate var stamps: [FileStamp?] { [certificate, key].map { FileStamp(path: $0) } }
    }

    private struct State {
        var context: TLSContext
        var stamps: [FileStamp?]
    }

    private let files: Files
    private let interval: Duration
    private let logger: Logger
    private let state: Lock<State>

    /// Loads the files.
    ///
    /// - Parameter interval: The time between two checks for changed files.
    /// - Throws: ``WebServerError/unusableCertificate(_:)``.
    package init(_ files: Files, interval: Duration, logger: Logger) throws(WebServerError) {
        self.files = files
        self.interval = interval
        self.logger = logger
        state = Lock(try Self.load(files, logger))
    }

    /// The TLS context for new connections.
    var context: TLSContext { state.withLock(\.context) }

    /// Reloads the files. On failure the old certificate stays in use and the error is logged.
    package func reload() {
        do throws(WebServerError) {
            let new = try Self.load(files, logger)
            state.withLock { $0 = new }
        } catch {
            logger.error(
                "The TLS certificate could not be reloaded; the old one remains in use",
                metadata: ["error": "\(error)"])
        }
    }

    /// Reloads the files whenever they change, until the task is cancelled.
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

    private static func load(_ files: Files, _ logger: Logger) throws(WebServerError) -> State {
        // Read before the files, so that a change during loading is seen next time.
        let stamps = files.stamps
        let context: TLSContext
        do throws(TLSError) {
            context = try TLSContext(certificateFile: files.certificate, keyFile: files.key)
        } catch {
            let description =
                switch error.subject {
                case .certificate: "\(files.certificate) is not a valid PEM certificate chain, or cannot be read"
                case .key: "\(files.key) is not a valid PEM private key without a passphrase, or cannot be read"
                default:
                    "the key in \(files.key) does not match the first certificate in \(files.certificate), "
                        + "or one of them is not usable: \(error)"
                }
            throw .unusableCertificate(description)
        }
        let end = Date(timeIntervalSince1970: TimeInterval(context.validUntil ?? 0))
        logger.info(
            "TLS certificate loaded",
            metadata: ["file": "\(files.certificate)", "valid_until": "\(end.ISO8601Format())"])
        if end < Date() {
            logger.warning("The TLS certificate has expired", metadata: ["file": "\(files.certificate)"])
        }
        return State(context: context, stamps: stamps)
    }
}

/// A handler that answers clients that speak plain HTTP on the HTTPS port. Without it, they would see only a connection
/// that closes.
///
/// The first byte of a connection decides. If it begins a TLS handshake record (RFC 8446 section 5.1), the bytes are
/// passed on and this handler leaves the pipeline. If it is a capital letter, as at the start of an HTTP method, the
/// request is answered with 400. Any other connection is closed.
final class PlainRequestGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let handshakeRecord: UInt8 = 22
    private static let answer: ByteBuffer = {
        var body = Problem(.badRequest, "This port accepts HTTPS only; use https:// or wss://.").body
        var answer = ByteBuffer(
            string: "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n"
                + "Content-Length: \(body.readableBytes)\r\nConnection: close\r\n\r\n")
        answer.writeBuffer(&body)
        return answer
    }()

    private var isRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // The rest of a refused request. The deadline for the first request ends the connection.
        guard !isRefused else { return }
        let bytes = unwrapInboundIn(data)
        guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
        if first == Self.handshakeRecord {
            context.fireChannelRead(data)
            return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
        isRefused = true
        guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(Self.answer), promise: nil)
        // Half-close only: with unread input, a full close would discard the answer.
        context.close(mode: .output, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The TLS handler would take the client's end of input for a truncation attack.
        if isRefused, event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }
}
