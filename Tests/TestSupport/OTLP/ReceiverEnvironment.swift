import ChildProcesses
import Foundation

/// The Python with the official `opentelemetry-proto` package, in a virtual environment below `.build`. The first test
/// that needs it creates it; later ones reuse it.
enum ReceiverEnvironment {
    /// Thrown when there is no Python or the package index is unreachable.
    struct Unavailable: Error, CustomStringConvertible {
        let description: String
    }

    static var folder: URL {
        get throws { try PackageRoot.directory.appending(path: "Tests/OTLPTests/Receiver") }
    }

    /// The path of the environment's Python.
    static func python() async throws -> String { try await ready.value }

    private static let ready = Task {
        let environment = try PackageRoot.directory.appending(path: ".build/otlp-receiver").path
        let requirements = try folder.appending(path: "requirements.txt").path
        // Several test processes may run this at once. The lock is released when the shell exits.
        let script = """
            set -e
            mkdir -p "$(dirname "$1")"
            exec 9>"$1.lock"
            flock 9
            if cmp -s "$2" "$1/requirements.txt"; then exit 0; fi
            rm -rf "$1"
            python3 -m venv "$1"
            "$1/bin/pip" install --quiet --disable-pip-version-check --timeout 10 --retries 1 -r "$2"
            cp "$2" "$1/requirements.txt"
            """
        let shell = try ChildProcess("sh", ["-c", script, "sh", environment, requirements])
        guard case .exited(0) = try await shell.waitForExit(within: .seconds(180)) else {
            throw Unavailable(description: "no Python environment with opentelemetry-proto:\n\(shell.tail)")
        }
        return "\(environment)/bin/python3"
    }
}
