import ChildProcesses
import Foundation

/// A self-signed certificate and its key, created by openssl for one test.
package final class TestCertificate: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let folder: TemporaryFolder
    package var file: String { folder.url.appending(path: "cert.pem").path }
    package var keyFile: String { folder.url.appending(path: "key.pem").path }

    /// - Parameter names: The subject alternative names in openssl's syntax: `DNS:localhost,IP:127.0.0.1`.
    package init(_ names: String = "DNS:localhost,IP:127.0.0.1") async throws {
        folder = try TemporaryFolder()
        let openssl = try ChildProcess(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=test", "-addext", "subjectAltName=\(names)", "-out", file, "-keyout", keyFile,
            ])
        guard try await openssl.waitForExit() == .exited(0) else { throw Failure(description: openssl.tail) }
    }
}
