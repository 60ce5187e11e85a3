import COpenSSL
import Observability
import TestSupport
import Testing

@testable import OTLP
@testable import OpenSSL

/// TLS and mutual TLS follow the configured certificates.
@Suite("TLS with a collector")
struct TLSTests {
    private static func server(_ identity: TestCertificate, trusting client: TestCertificate? = nil) throws
        -> TLSContext
    {
        let context = try TLSContext(certificateFile: identity.file, keyFile: identity.keyFile)
        if let client {
            SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
            try #require(SSL_CTX_load_verify_file(context.pointer, client.file) == 1)
        }
        return context
    }

    /// Sends one span and returns whether the collector accepted it.
    private func isTaken(by collector: ScriptedHTTPServer, _ security: OTLPSecurity) async throws -> Bool {
        let registry = MetricsRegistry()
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(
            url: "https://127.0.0.1:\(collector.port)/v1/traces", security: security)
        configuration.spanBatches = .quick
        return try await withPipeline(configuration, registry: registry) { _, tracer in
            tracer.make("a")
            try await eventually("an export was attempted") {
                registry.total("otlp.exported") + registry.total("otlp.retries") > 0
            }
            return registry.total("otlp.exported") == 1
        }
    }

    @Test("Only the configured certificate is trusted")
    func server() async throws {
        let (identity, other) = (try await TestCertificate(), try await TestCertificate())
        let collector = try await ScriptedHTTPServer.start(tls: try Self.server(identity))
        #expect(try await isTaken(by: collector, OTLPSecurity(certificateFile: identity.file)))
        #expect(try await !isTaken(by: collector, OTLPSecurity(certificateFile: other.file)))
        #expect(try await !isTaken(by: collector, OTLPSecurity()))
        try await collector.stop()
    }

    @Test("A collector that requires a client certificate gets the configured one")
    func client() async throws {
        let (identity, client) = (try await TestCertificate(), try await TestCertificate())
        let collector = try await ScriptedHTTPServer.start(tls: try Self.server(identity, trusting: client))
        let known = OTLPSecurity(
            certificateFile: identity.file, clientCertificateFile: client.file,
            clientKeyFile: client.keyFile)
        #expect(try await isTaken(by: collector, known))
        #expect(try await !isTaken(by: collector, OTLPSecurity(certificateFile: identity.file)))
        try await collector.stop()
    }
}
