import ChildProcesses
import Foundation
import TestSupport

/// A certificate authority with a server and a client certificate, created by openssl for one test.
struct Certificates {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let folder: URL

    /// Creates the certificates in a broker's folder.
    init(in folder: URL) async throws {
        self.folder = folder
        try await authority("ca")
        try await authority("other-ca")
        try await certificate("server", name: "localhost", extensions: "subjectAltName=IP:127.0.0.1,DNS:localhost")
        try await certificate("stranger", name: "stranger", extensions: "subjectAltName=DNS:stranger.example")
        try await certificate("client", name: "gateway", extensions: "extendedKeyUsage=clientAuth")
    }

    /// Uses the certificates that a folder already holds.
    init(existingIn folder: URL) {
        self.folder = folder
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    private func authority(_ name: String) async throws {
        try await openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=\(name)", "-keyout", path("\(name).key"), "-out", path("\(name).pem"),
        ])
    }

    private func certificate(_ file: String, name: String, extensions: String) async throws {
        try Data(extensions.utf8).write(to: folder.appending(path: "\(file).ext"))
        try await openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
            "-keyout", path("\(file).key"), "-out", path("\(file).csr"),
        ])
        try await openssl([
            "x509", "-req", "-in", path("\(file).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("\(file).ext"), "-out", path("\(file).pem"),
        ])
    }

    private func openssl(_ arguments: [String]) async throws {
        let process = try ChildProcess("openssl", arguments)
        guard try await process.waitForExit() == .exited(0) else {
            throw Failure(description: "openssl failed:\n\(process.tail)")
        }
    }
}
