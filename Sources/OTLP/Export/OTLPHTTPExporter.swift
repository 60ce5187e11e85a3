import AsyncHTTPClient
import Core
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Telemetry

/// Sends requests to a collector by HTTP, one attempt each; who calls decides about another.
///
/// Connections are kept between requests and opened when one is sent. Redirects are not followed: headers would go
/// where nobody sent them.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP".
final class OTLPHTTPExporter: OTLPSender {
    /// The most that is read of an answer.
    private static let maxResponseBytes = 65_536

    private let endpoint: OTLPEndpoint
    private let reader: ResponseReader
    private let clock: any WallClock
    private let configuration: HTTPClient.Configuration
    private let client = Lock(Client.none)

    /// A client must be closed by whoever made it, so that there is none before it is needed.
    private enum Client {
        case none
        case open(HTTPClient)
        case closed
    }

    /// - Throws: when a file for TLS cannot be read.
    init(
        _ endpoint: OTLPEndpoint, signal: OTLPSignal, clock: any WallClock = SystemWallClock()
    ) throws(OTLPExporterError) {
        self.endpoint = endpoint
        self.clock = clock
        reader = ResponseReader(signal: signal)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.tlsConfiguration = try endpoint.security.tlsConfiguration(for: signal)
        configuration.timeout.connect = .seconds(5)
        // Attempts are ours, and so are traces: those of exports would make further exports.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
        configuration.tracing.tracer = nil
        self.configuration = configuration
    }

    func prepare(_ body: [UInt8]) -> PreparedBody {
        guard endpoint.compression == .gzip, let smaller = try? Gzip.compress(body) else {
            return PreparedBody(bytes: body, encoding: .none)
        }
        return PreparedBody(bytes: smaller, encoding: .gzip)
    }

    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome {
        do {
            return try await withTimeout(timeout) { [self] in
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
        // Fails only when it was shut down before.
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

    /// The error in words that name no header and no address.
    private static func reason(of error: any Error) -> String {
        switch error {
        case is CancellationError: "cancelled"
        case let error as HTTPClientError: error.shortDescription
        case is TimedOut: "no answer in time"
        default: "\(type(of: error))"
        }
    }
}
