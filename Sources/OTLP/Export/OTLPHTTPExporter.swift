import AsyncHTTPClient
import CZlib
import Core
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

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

    private let endpoint: OTLPEndpoint
    private let reader: ResponseReader
    private let clock: any WallClock
    private let configuration: HTTPClient.Configuration
    private let client = Lock(Client.none)

    /// The state of the HTTP client. An `HTTPClient` must be shut down once it exists, so it is created only with the
    /// first request.
    private enum Client {
        case none
        case open(HTTPClient)
        case closed
    }

    /// Creates an exporter without opening a connection.
    ///
    /// - Throws: ``OTLPError`` when a TLS file cannot be used.
    init(
        _ endpoint: OTLPEndpoint, signal: OTLPSignal, clock: any WallClock = SystemWallClock()
    ) throws(OTLPError) {
        self.endpoint = endpoint
        self.clock = clock
        reader = ResponseReader(signal: signal)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.tlsConfiguration = try endpoint.security.tlsConfiguration(for: signal)
        configuration.timeout.connect = .seconds(5)
        // Retries are left to the caller. Tracing is off, because spans of exports would cause further exports.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
        configuration.tracing.tracer = nil
        self.configuration = configuration
    }

    func prepare(_ body: [UInt8]) -> PreparedBody {
        guard endpoint.compression == .gzip, let smaller = Gzip.compress(body) else {
            return PreparedBody(bytes: body, encoding: .none)
        }
        return PreparedBody(bytes: smaller, encoding: .gzip)
    }

    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome {
        do {
            return try await withTimeout(at: .now + timeout) { [self] in
                try await exchange(request(body), timeout: timeout)
            }
        } catch {
            return .unavailable(reason: Self.reason(of: error), retryAfter: nil)
        }
    }

    func shutdown() async {
        let last = client.withLock { client in
            defer { client = .closed }
            return client
        }
        // Fails only if the client was already shut down.
        if case .open(let client) = last { try? await client.shutdown() }
    }

    private func openClient() throws -> HTTPClient {
        try client.withLock { client in
            switch client {
            case .open(let current): return current
            case .closed: throw HTTPClientError.alreadyShutdown
            case .none:
                let new = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                client = .open(new)
                return new
            }
        }
    }

    private func request(_ body: PreparedBody) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: endpoint.url)
        request.method = .POST
        request.headers.add(name: "User-Agent", value: "OTel-OTLP-Exporter-Swift-Windsock")
        for field in endpoint.headers.fields { request.headers.replaceOrAdd(name: field.name, value: field.value) }
        request.headers.replaceOrAdd(name: "Content-Type", value: endpoint.protocol.contentType)
        request.headers.replaceOrAdd(name: "Accept", value: endpoint.protocol.contentType)
        if body.encoding == .gzip { request.headers.replaceOrAdd(name: "Content-Encoding", value: "gzip") }
        request.body = .bytes(ByteBuffer(bytes: body.bytes))
        return request
    }

    private func exchange(_ request: HTTPClientRequest, timeout: Duration) async throws -> ExportOutcome {
        let response = try await openClient().execute(request, timeout: TimeAmount(timeout))
        let status = Int(response.status.code)
        let bytes: [UInt8]
        do {
            bytes = Array(buffer: try await response.body.collect(upTo: Self.maxResponseBytes))
        } catch is NIOTooManyBytesError {
            bytes = []
        }
        return reader.outcome(
            status: status, contentType: response.headers.first(name: "Content-Type"),
            retryAfter: response.headers.first(name: "Retry-After"), body: bytes, now: clock.now())
    }

    /// Describes an error without naming headers or addresses.
    private static func reason(of error: any Error) -> String {
        switch error {
        case is CancellationError: "cancelled"
        case let error as HTTPClientError: error.shortDescription
        case is TimedOut: "timed out"
        default: "\(type(of: error))"
        }
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

    /// Closes all connections. Nothing can be sent afterwards.
    func shutdown() async
}

/// The bytes of a request body and their compression.
struct PreparedBody: Sendable, Equatable {
    var bytes: [UInt8]
    var encoding: OTLPCompression
}

extension OTLPSecurity {
    /// Returns the TLS settings, or `nil` if the system's defaults suffice.
    ///
    /// - Throws: ``OTLPError`` when a file cannot be used.
    func tlsConfiguration(for signal: OTLPSignal) throws(OTLPError) -> TLSConfiguration? {
        guard self != OTLPSecurity() else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = certificateFile {
            configuration.trustRoots = try Self.read(file, "CERTIFICATE", signal) {
                .certificates(try NIOSSLCertificate.fromPEMFile(file))
            }
        }
        if let file = clientCertificateFile {
            configuration.certificateChain = try Self.read(file, "CLIENT_CERTIFICATE", signal) {
                try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
            }
        }
        if let file = clientKeyFile {
            configuration.privateKey = try Self.read(file, "CLIENT_KEY", signal) {
                .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
            }
        }
        return configuration
    }

    private static func read<Value>(
        _ file: String, _ setting: String, _ signal: OTLPSignal, _ value: () throws -> Value
    ) throws(OTLPError) -> Value {
        do {
            return try value()
        } catch {
            throw .unusableFile(file, setting: setting, signal, reason: "\(error)")
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
