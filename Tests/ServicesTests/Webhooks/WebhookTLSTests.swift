import AsyncHTTPClient
import Foundation
import NIOSSL
import TestSupport
import Testing

@testable import Services

/// A connection to an address that was looked up before is still one to the host of the URL.
@Suite("TLS of webhooks")
struct WebhookTLSTests {
    /// A certificate for hooks.example that vouches for itself, made by openssl for one test.
    private final class Identity {
        private let folder = FileManager.default.temporaryDirectory
            .appending(path: "windsock-webhook-\(UUID().uuidString)")
        var certificate: String { folder.appending(path: "cert.pem").path }
        private var key: String { folder.appending(path: "key.pem").path }

        init() async throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let openssl = try ChildProcess(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=test", "-addext", "subjectAltName=DNS:hooks.example", "-out", certificate, "-keyout",
                    key,
                ])
            try #require(try await openssl.waitForExit() == .exited(0), "\(openssl.tail)")
        }

        deinit {
            try? FileManager.default.removeItem(at: folder)
        }

        func server() throws -> TLSConfiguration {
            .makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        }
    }

    private func outcome(_ host: String, port: Int, trusting identity: Identity?) async throws -> WebhookOutcome {
        var client = HTTPClient.Configuration()
        if let identity {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(identity.certificate)
            client.tlsConfiguration = tls
        }
        let configuration = try WebhookConfiguration(
            url: "https://\(host):\(port)/hidden", secret: testSecret, allowsPrivateAddresses: true,
            timeout: .seconds(60))
        let hosts = ListedHosts(["hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]])
        return await WebhookSender(configuration, resolver: hosts, client: client).send(.test("a"), attempt: 1)
    }

    @Test("The certificate must be for the URL's host, from somebody who is trusted")
    func certificate() async throws {
        let identity = try await Identity()
        try await WebhookReceiver.with(tls: try identity.server()) { receiver in
            #expect(
                try await outcome("hooks.example", port: receiver.port, trusting: identity) == .delivered(status: 200))
            let others = [
                try await outcome("other.example", port: receiver.port, trusting: identity),
                try await outcome("127.0.0.1", port: receiver.port, trusting: identity),
                try await outcome("hooks.example", port: receiver.port, trusting: nil),
            ]
            for outcome in others {
                guard case .retryable(let failure, nil) = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
                #expect(failure.kind == .connection)
                #expect(!failure.description.contains("hidden"))
            }
            #expect(receiver.requests.count == 1)
        }
    }
}
