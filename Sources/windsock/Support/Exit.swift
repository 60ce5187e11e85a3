import ArgumentParser
import Core
import Foundation
import Gateway
import MQTTTransport
import OTLP
import Storage
import WebServer

/// Exit codes of the commands, for scripts and systemd (`sysexits.h`).
enum Exit {
    /// A required resource is not available, such as a port, a broker or a program.
    static let unavailable = ExitCode(69)
    /// A setting is invalid; a restart will not help.
    static let configuration = ExitCode(78)

    /// Runs `body`. Reports an error as one message on standard error and throws the matching exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as ConfigurationError {
            throw fail("\(error)", configuration)
        } catch TokenKeyError.noKeys, TokenKeyError.noSecret {
            throw fail(missingSecret, configuration)
        } catch let error as OTLPError {
            throw fail("\(error)", configuration)
        } catch let error as MQTTError {
            if case .invalidConfiguration = error { throw fail("\(error)", configuration) }
            throw fail("\(error)", unavailable)
        } catch let error as StorageError {
            throw fail("\(error)", code(of: error))
        } catch let error as Unavailable {
            throw fail(error.description, unavailable)
        } catch {
            throw fail("\(error)", .failure)
        }
    }

    /// The advice for a gateway with neither a secret nor a key set, and for issuing a token without a secret.
    private static let missingSecret = """
        No JWT secret is set. Set WINDSOCK_JWT_SECRET to 32 bytes or more, for example:
          export WINDSOCK_JWT_SECRET=$(openssl rand -hex 32)
        or set the public keys that verify your tokens: WINDSOCK_JWT_JWKS=https://…/jwks.json
        """

    /// Returns the exit code for an error of the storage. A locked database or a full disk may recover; a wrong or
    /// damaged file will not.
    private static func code(of error: StorageError) -> ExitCode {
        switch error {
        case .notOpened(_, .newer), .notOpened(_, .older), .notOpened(_, .damaged): configuration
        case .notOpened, .notWritten: unavailable
        case .failed, .rejected, .invalidLine: .failure
        }
    }

    /// Prints the reason on standard error and returns the code to throw.
    static func fail(_ message: String, _ code: ExitCode) -> ExitCode {
        Console.error("windsock: \(message)")
        return code
    }
}

/// Output in whole lines: results go to standard output, everything else to standard error.
enum Console {
    static func print(_ line: String) {
        write("\(line)\n", to: .standardOutput)
    }

    static func error(_ line: String) {
        write("\(line)\n", to: .standardError)
    }

    /// Replaces the current line on a terminal. Otherwise prints a new line.
    static func progress(_ line: String) {
        write(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n", to: .standardError)
    }

    /// Ends the line left open by ``progress(_:)``.
    static func endProgress() {
        if isTerminal { write("\n", to: .standardError) }
    }

    static let isTerminal = isatty(STDERR_FILENO) == 1

    private static func write(_ text: String, to file: FileHandle) {
        // A closed pipe is not an error of this process.
        try? file.write(contentsOf: Data(text.utf8))
    }
}
