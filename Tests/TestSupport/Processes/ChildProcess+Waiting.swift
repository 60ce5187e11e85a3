package import ChildProcesses
import Core
import Glibc

extension ChildProcess {
    /// Waits for a line on either stream that satisfies `isMatch`. Lines already printed count.
    ///
    /// - Throws: `Failure` with the last lines when the process ends first; ``DeadlineExceeded``.
    @discardableResult
    package func waitForLine(
        _ what: String, within duration: Duration = .seconds(20), where isMatch: (String) -> Bool
    ) async throws -> String {
        var found: String?
        var position = 0
        try await eventually("\(name) printed \(what)", within: duration) {
            // Read the exit status before the lines: no line follows the end.
            let exit = exit
            let (line, next) = firstLine(from: position) { isMatch($0.text) }
            position = next
            found = line?.text
            if found == nil, let exit {
                throw Unavailable(description: "\(name) ended (\(exit)) before it printed \(what):\n\(tail)")
            }
            return found != nil
        }
        return found ?? ""
    }

    /// Waits for the process to end. ``lines`` is complete by then.
    @discardableResult
    package func waitForExit(within duration: Duration = .seconds(20)) async throws -> Exit {
        try await eventually("\(name) ended", within: duration) { exit != nil }
        guard let exit else { throw Unavailable(description: "\(name) has no exit status") }
        return exit
    }

    /// Sends SIGTERM and waits. Kills the group when the process has not ended within `duration`.
    @discardableResult
    package func terminate(within duration: Duration = .seconds(10)) async throws -> Exit {
        signal(SIGTERM)
        do {
            return try await waitForExit(within: duration)
        } catch {
            kill()
            _ = try await waitForExit()
            throw error
        }
    }
}
