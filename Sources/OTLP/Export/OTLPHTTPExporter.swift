import CZlib
import Core
import Foundation
import HTTPRequests
import OpenSSL

/// A sender of requests to a collector over HTTP. It makes one attempt for each request; the caller decides about
/// retries.
///
/// Connections are opened on demand and reused. Redirects are not followed, because they would forward the headers to
/// another server.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP".
final class OTLPHTTPExporter: OTLPSender {
    /// The maximum size of a response body, in bytes. A longer one is treated as empty.
    private static let maxResponseBytes = 65_536
    /// The time limit for name resolution, TCP connection and TLS handshake.
    private static let connectTimeout = Duration.seconds(5)

    private let endpoint: OTLPEndpoint
    private let reader: ResponseReader
    private let clock: any WallClock
    private let client: HTTPClient

    /// Creates an exporter without opening a connection.
    ///
    /// - Throws: ``OTLPError`` when a TLS file cannot be used.
    init(
        _ endpoint: OTLPEndpoint, signal: OTLPSignal, clock: any WallClock = SystemWallClock()
    ) throws(OTLPError) {
        self.endpoint = endpoint
        self.clock = clock
        reader = ResponseReader(signal: signal)
        client = HTTPClient(reusesConnections: true, tls: try endpoint.security.tls(for: signal))
    }

    func prepare(_ body: [UInt8]) -> PreparedBody {
        guard endpoint.compression == .gzip, let smaller = Gzip.compress(body) else {
            return PreparedBody(bytes: body, encoding: .none)
        }
        return PreparedBody(bytes: smaller, encoding: .gzip)
    }

    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome {
        do {
            let response = try await client.response(to: request(body, deadline: .now + timeout))
            let bytes: [UInt8]
            switch response.body {
            case .complete(let body): bytes = body
            case .tooLong: bytes = []
            case .incomplete(let error): throw error
            }
            return reader.outcome(
                status: response.status, contentType: response.header("Content-Type"),
                retryAfter: response.header("Retry-After"), body: bytes, now: clock.now())
        } catch {
            return .unavailable(reason: error is CancellationError ? "cancelled" : "\(error)", retryAfter: nil)
        }
    }

    func shutdown() {
        client.shutdown()
    }

    private func request(_ body: PreparedBody, deadline: ContinuousClock.Instant) -> HTTPClient.Request {
        var headers = [(name: "User-Agent", value: "OTel-OTLP-Exporter-Swift-Windsock")]
        func set(_ name: String, _ value: String) {
            headers.removeAll { $0.name.lowercased() == name.lowercased() }
            headers.append((name, value))
        }
        for field in endpoint.headers.fields { set(field.name, field.value) }
        set("Content-Type", endpoint.protocol.contentType)
        set("Accept", endpoint.protocol.contentType)
        if body.encoding == .gzip { set("Content-Encoding", "gzip") }
        return HTTPClient.Request(
            endpoint.url, headers: headers, body: body.bytes, connectTimeout: Self.connectTimeout,
            deadline: deadline, maxBodyBytes: Self.maxResponseBytes)
    }
}

/// A sender of single requests to a collector. Implemented by ``OTLPHTTPExporter``, and by a scripted sender in tests.
protocol OTLPSender: Sendable {
    /// Sends a request once.
    ///
    /// - Parameters:
    ///   - body: an export request in the endpoint's protocol, from ``prepare(_:)``.
    ///   - timeout: the time limit until the response is complete.
    /// - Returns: the outcome. Failures are returned, not thrown. When the task is cancelled, the outcome is
    ///   `unavailable`.
    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome

    /// Compresses `body` if the endpoint's settings require it. The result can be sent any number of times.
    func prepare(_ body: [UInt8]) -> PreparedBody

    /// Closes all connections. Nothing can be sent afterwards. Never blocks.
    func shutdown()
}

/// The bytes of a request body and their compression.
struct PreparedBody: Sendable, Equatable {
    var bytes: [UInt8]
    var encoding: OTLPCompression
}

extension OTLPSecurity {
    /// Returns the contents of the files.
    ///
    /// - Throws: ``OTLPError`` when a file cannot be used.
    func tls(for signal: OTLPSignal) throws(OTLPError) -> HTTPClient.TLS {
        HTTPClient.TLS(
            certificateAuthorities: try Self.read(certificateFile, "CERTIFICATE", signal, PEMFile.certificates),
            clientCertificate: try Self.read(clientCertificateFile, "CLIENT_CERTIFICATE", signal, PEMFile.certificates),
            clientKey: try Self.read(clientKeyFile, "CLIENT_KEY", signal, PEMFile.privateKey))
    }

    private static func read(
        _ file: String?, _ setting: String, _ signal: OTLPSignal,
        _ contents: (String) throws(TLSError) -> [UInt8]
    ) throws(OTLPError) -> [UInt8]? {
        guard let file else { return nil }
        do throws(TLSError) {
            return try contents(file)
        } catch {
            throw .unusableFile(file, setting: setting, signal, reason: error.description)
        }
    }
}

/// A compressor that uses zlib to create a single gzip member (RFC 1952).
enum Gzip {
    /// zlib's maximum (and default) window size. Adding 16 selects the gzip format instead of zlib's own.
    private static let windowBits = MAX_WBITS + 16
    /// zlib's default memory level.
    private static let memoryLevel: Int32 = 8

    /// Returns the compressed bytes, or `nil` when zlib fails. In practice, the cause is a lack of memory.
    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        var code = deflateInit2_(
            &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        // The buffer fits the worst case, so a single call is enough.
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        // zlib does not modify its input, but the C declaration is not const.
        var input = bytes
        let output = input.withUnsafeMutableBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: bound) { target, count in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                code = deflate(&stream, Z_FINISH)
                count = bound - Int(stream.avail_out)
            }
        }
        return code == Z_STREAM_END ? output : nil
    }
}
