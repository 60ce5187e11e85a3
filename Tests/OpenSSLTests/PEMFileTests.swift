import ChildProcesses
import Foundation
import OpenSSL
import TestSupport
import Testing

/// A PEM file is checked before a connection needs it.
@Suite("PEM files")
struct PEMFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ text: String) throws -> String { try folder.write(text, to: "file.pem") }

    /// Returns the path of the file that openssl made.
    private func openssl(_ arguments: String...) async throws -> String {
        let path = folder.url.appending(path: "made.pem").path
        let process = try ChildProcess("openssl", arguments + ["-out", path])
        let exit = try await process.waitForExit()
        try #require(exit == .exited(0), "\(process.tail)")
        return path
    }

    @Test("Certificates and keys are returned as they are, also several and with other text")
    func usable() async throws {
        let (one, other) = (try await TestCertificate(), try await TestCertificate())
        let files = [one.file, other.file, one.keyFile]
        let (first, second, key) = try (
            String(contentsOfFile: files[0], encoding: .utf8), String(contentsOfFile: files[1], encoding: .utf8),
            String(contentsOfFile: files[2], encoding: .utf8)
        )
        for text in [first, first + second, "# a comment\n" + first + "\n" + second + "the end\n", key + first] {
            #expect(try PEMFile.certificates(at: write(text)) == Array(text.utf8))
        }
        for text in [key, first + key] { #expect(try PEMFile.privateKey(at: write(text)) == Array(text.utf8)) }
        #expect(try !PEMFile.privateKey(at: await openssl("genrsa", "-traditional")).isEmpty)
        // With a block of parameters before the key.
        #expect(try !PEMFile.privateKey(at: await openssl("ecparam", "-name", "prime256v1", "-genkey")).isEmpty)
    }

    @Test("A broken certificate spoils the file, wherever it is")
    func broken() async throws {
        let identity = try await TestCertificate()
        let good = try String(contentsOfFile: identity.file, encoding: .utf8)
        let lines = good.split(separator: "\n")
        let cut = lines.dropLast(2).joined(separator: "\n") + "\n" + (lines.last ?? "") + "\n"
        for text in [cut, good + cut, cut + good] {
            let failure = #expect(throws: TLSError.self) { try PEMFile.certificates(at: write(text)) }
            #expect(failure?.description.hasPrefix("it has a broken certificate") == true)
        }
    }

    @Test("An encrypted key is refused without asking anybody for its password")
    func encrypted() async throws {
        let path = try await openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:hush")
        let failure = #expect(throws: TLSError.self) { try PEMFile.privateKey(at: path) }
        #expect(failure?.description.contains("without a password") == true)
    }

    @Test("What is not a file, or a huge one, is refused")
    func unreadable() throws {
        for path in [folder.url.path, folder.url.appending(path: "none").path, ""] {
            #expect(throws: TLSError.self) { try PEMFile.certificates(at: path) }
            #expect(throws: TLSError.self) { try PEMFile.privateKey(at: path) }
        }
        let huge = try write(String(repeating: "a", count: 1 << 20 + 1))
        let failure = #expect(throws: TLSError.self) { try PEMFile.certificates(at: huge) }
        #expect(failure?.description == "it has more than 1048576 bytes")
    }
}
