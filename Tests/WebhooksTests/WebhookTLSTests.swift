import Foundation
import HTTPRequests
import OpenSSL
import TestSupport
import Testing

@testable import Webhooks

/// A connection to a previously resolved address is still verified against the URL's host.
@Suite("TLS of webhooks")
struct WebhookTLSTests {
    private static func server(_ identity: TestCertificate) throws -> TLSContext {
        try TLSContext(certificateFile: identity.file, keyFile: identity.keyFile)
    }

    private func outcome(_ host: String, port: Int, trusting identity: TestCertificate?) async throws
        -> WebhookAttemptResult
    {
        let tls = HTTPClient.TLS(certificateAuthorities: try identity.map { try PEMFile.certificates(at: $0.file) })
        let configuration = try WebhookConfiguration(
            url: "https://\(host):\(port)/hidden", secret: testSecret, allowsPrivateAddresses: true,
            timeout: .seconds(60))
        let hosts = ListedHosts(["hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]])
        return await WebhookSender(configuration, resolver: hosts, tls: tls).send(.test("a"), attempt: 1)
    }

    @Test("The certificate must be trusted and valid for the URL's host")
    func certificate() async throws {
        let identity = try await TestCertificate("DNS:hooks.example")
        try await ScriptedHTTPServer.with(tls: try Self.server(identity)) { receiver in
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
