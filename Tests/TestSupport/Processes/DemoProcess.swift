package import ChildProcesses
import Core
package import Foundation

/// A real `windsock demo` with the shipped devices and dashboards.
package final class DemoProcess: Sendable {
    package let process: ChildProcess

    /// Starts the demo, by default in the checkout. `listen` is the first address it tries.
    package init(
        listen: String? = nil, arguments: [String] = [], environment: [String: String] = [:], in folder: URL? = nil
    ) throws {
        let address = try listen ?? "127.0.0.1:\(FreePort.reserve())"
        process = try ChildProcess(
            try PackageRoot.executable.path, ["demo", "--listen", address] + arguments, environment: environment,
            workingDirectory: try folder ?? PackageRoot.directory)
    }

    /// Waits for the URL that the demo prints when everything runs.
    package func waitForURL(within duration: Duration = .seconds(30)) async throws -> URL {
        let line = try await process.waitForLine("its URL", within: duration) { $0.contains("/#token=") }
        guard let url = URL(string: line.trimmingCharacters(in: .whitespaces)) else {
            throw Unavailable(description: "this is no URL: \(line)")
        }
        return url
    }
}
