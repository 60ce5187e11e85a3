import Foundation
import NIOSSL
import Observability
import TestSupport
import Testing

@testable import OTLP

/// A collector is trusted, and trusts, as the certificates say.
@Suite("TLS with a collector")
struct TLSTests {
    /// A certificate for 127.0.0.1 that vouches for itself, made by openssl for one test.
    private final class Identity {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-otlp-\(UUID().uuidString)")
        var certificate: String { folder.appending(path: "cert.pem").path }
        var key: String { folder.appending(path: "key.pem").path }

        init() async throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let openssl = try ChildProcess(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key,
                ])
            try #require(try await openssl.waitForExit() == .exited(0), "\(openssl.tail)")
        }

        deinit {
            try? FileManager.default.removeItem(at: folder)
        }

        func server(trusting client: Identity? = nil) throws -> TLSConfiguration {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            guard let client else { return configuration }
            configuration.trustRoots = .file(client.certificate)
            configuration.certificateVerification = .noHostnameVerification
            return configuration
        }
    }

    /// Sends one span, and returns whether the collector took it.
    private func isTaken(by collector: ScriptedCollector, _ security: OTLPSecurity) async throws -> Bool {
        let registry = MetricsRegistry()
        var configuration = OTLPConfiguration(serviceName: "tested")
        configuration.traces = OTLPEndpoint(
            url: "https://127.0.0.1:\(collector.port)/v1/traces", security: security)
        configuration.spanBatches = .quick
        return try await withPipeline(configuration, registry: registry) { _, tracer in
            tracer.make("a")
            try await eventually("it was tried") {
                registry.total("otlp.exported") + registry.total("otlp.retries") > 0
            }
            return registry.total("otlp.exported") == 1
        }
    }

    @Test("Only a certificate that was named is trusted")
    func server() async throws {
        let (identity, other) = (try await Identity(), try await Identity())
        let collector = try await ScriptedCollector.start(tls: try identity.server())
        #expect(try await isTaken(by: collector, OTLPSecurity(certificateFile: identity.certificate)))
        #expect(try await !isTaken(by: collector, OTLPSecurity(certificateFile: other.certificate)))
        #expect(try await !isTaken(by: collector, OTLPSecurity()))
        try await collector.stop()
    }

    @Test("A collector that asks who is there is shown the client's certificate")
    func client() async throws {
        let (identity, client) = (try await Identity(), try await Identity())
        let collector = try await ScriptedCollector.start(tls: try identity.server(trusting: client))
        let known = OTLPSecurity(
            certificateFile: identity.certificate, clientCertificateFile: client.certificate,
            clientKeyFile: client.key)
        #expect(try await isTaken(by: collector, known))
        #expect(try await !isTaken(by: collector, OTLPSecurity(certificateFile: identity.certificate)))
        try await collector.stop()
    }
}
