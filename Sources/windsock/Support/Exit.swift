import ArgumentParser
import Foundation
import Gateway
import MQTTTransport
import OTLP
import Storage

/// How commands end, in terms that scripts and systemd understand (`sysexits.h`).
enum Exit {
    /// Something that is needed is not there: a port, a broker, a program.
    static let unavailable = ExitCode(69)
    /// A setting cannot be used; starting again will not help.
    static let configuration = ExitCode(78)

    /// Runs `body`; an error is one message on standard error and the fitting exit code.
    static func reporting(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let code as ExitCode {
            throw code
        } catch let error as ConfigurationErrors {
            throw fail("\(error)", configuration)
        } catch let error as ConfigurationError {
            throw fail("\(error)", configuration)
        } catch let error as Gateway.MissingSecret {
            throw fail("\(error)", configuration)
        } catch let error as OTLPConfigurationError {
            throw fail("\(error)", configuration)
        } catch let error as OTLPExporterError {
            throw fail("\(error)", configuration)
        } catch let error as MQTTError {
            if case .invalidConfiguration = error { throw fail("\(error)", configuration) }
            throw fail("\(error)", unavailable)
        } catch let error as StorageError {
            throw fail("\(error)", code(of: error.problem))
        } catch let error as Unavailable {
            throw fail(error.description, unavailable)
        } catch {
            throw fail("\(error)", .failure)
        }
    }

    /// What is locked or full may be free again later; a file that is the wrong one stays so.
    private static func code(of problem: StorageError.Problem) -> ExitCode {
        switch problem {
        case .newer, .older, .damaged: configuration
        case .inUse, .missing, .unusable: unavailable
        }
    }

    /// Says why on standard error, and returns the code to throw.
    static func fail(_ message: String, _ code: ExitCode) -> ExitCode {
        Console.error("windsock: \(message)")
        return code
    }
}

/// Something that is needed is not there.
struct Unavailable: Error, CustomStringConvertible {
    let description: String
}
