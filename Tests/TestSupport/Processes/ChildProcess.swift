import Core
package import Foundation

/// A child process that always ends with the test.
///
/// It runs in a process group of its own. The group is killed when its leader exits and when this object is released.
/// `setpriv --pdeathsig` kills the leader when the test process dies. A program that changes its user loses that last
/// safeguard, so keep it from doing so.
package final class ChildProcess: Sendable {
    package enum Stream: Sendable {
        case output
        case error
    }

    package struct Line: Sendable, Hashable {
        package let stream: Stream
        package let text: String
    }

    package enum Exit: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Thrown when the process could not be started, or ended before the awaited event.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package let name: String
    /// The process ID, which is also the process group ID.
    package let pid: pid_t

    private let log = LineLog()
    private let state: Lock<State>

    private struct State {
        var isReaped = false
        var exit: Exit?
    }

    /// Starts `executable`, a path or a name that is looked up in `PATH`.
    ///
    /// - Parameters:
    ///   - environment: Variables added to this process's environment.
    ///   - workingDirectory: The working directory; the current one when `nil`.
    /// - Throws: ``Failure`` when the system cannot start `setpriv`. A missing `executable` shows as exit code 127.
    package init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        workingDirectory: URL? = nil
    ) throws(Failure) {
        name = (executable as NSString).lastPathComponent
        var variables = ProcessInfo.processInfo.environment
        variables.merge(environment) { $1 }
        let request = SpawnRequest(
            arguments: ["setpriv", "--pdeathsig", "KILL", "--"]
                + (workingDirectory.map { ["env", "--chdir=\($0.path)"] } ?? []) + [executable] + arguments,
            environment: variables.map { "\($0.key)=\($0.value)" })
        let spawned: SpawnRequest.Spawned
        switch SpawnThread.shared.run({ request.spawn() }) {
        case .success(let value): spawned = value
        case .failure(let error): throw Failure(description: "cannot start \(executable): \(error)")
        }
        pid = spawned.pid
        state = Lock(State())
        watch(spawned)
    }

    deinit {
        kill()
    }

    /// All lines printed so far on both streams.
    package var lines: [Line] { log.lines }

    /// All lines printed so far on standard output.
    package var output: [String] { log.lines.filter { $0.stream == .output }.map(\.text) }

    /// The exit status, once the process has ended.
    package var exit: Exit? { state.withLock { $0.exit } }

    /// Waits for a line on either stream that satisfies `isMatch`. Lines already printed count.
    ///
    /// - Throws: ``Failure`` with the last lines when the process ends first; ``DeadlineExceeded``.
    @discardableResult
    package func waitForLine(
        _ what: String, within duration: Duration = .seconds(20), where isMatch: (String) -> Bool
    ) async throws -> String {
        var found: String?
        var position = 0
        try await eventually("\(name) printed \(what)", within: duration) {
            // Read the exit status before the lines: no line follows the end.
            let exit = exit
            let (line, next) = log.first(from: position) { isMatch($0.text) }
            position = next
            found = line?.text
            if found == nil, let exit {
                throw Failure(description: "\(name) ended (\(exit)) before it printed \(what):\n\(tail)")
            }
            return found != nil
        }
        return found ?? ""
    }

    /// Sends signal `number` to the process or to its whole group.
    package func signal(_ number: Int32, toGroup: Bool = false) {
        state.withLock { state in
            // The ID of a reaped process may have been reused.
            if !state.isReaped { _ = Foundation.kill(toGroup ? -pid : pid, number) }
        }
    }

    /// Kills the whole process group with SIGKILL.
    package func kill() {
        signal(SIGKILL, toGroup: true)
    }

    /// Waits for the process to end. ``lines`` is complete by then.
    @discardableResult
    package func waitForExit(within duration: Duration = .seconds(20)) async throws -> Exit {
        try await eventually("\(name) ended", within: duration) { exit != nil }
        guard let exit else { throw Failure(description: "\(name) has no exit status") }
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

    /// The last lines, for failure messages.
    package var tail: String { log.lines.suffix(20).map(\.text).joined(separator: "\n") }

    private func watch(_ spawned: SpawnRequest.Spawned) {
        let readers = DispatchGroup()
        for (descriptor, stream) in [(spawned.output, Stream.output), (spawned.error, .error)] {
            readers.enter()
            Thread.detachNewThread { [log] in
                LineReader.read(descriptor) { log.append(Line(stream: stream, text: $0)) }
                readers.leave()
            }
        }
        // The thread must not retain this object, or it would never be released.
        Thread.detachNewThread { [weak self, pid] in
            // Wait without reaping: until then the ID cannot be reused, so the group can be killed safely.
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
            _ = Foundation.kill(-pid, SIGKILL)
            // A process that left the group may still hold the pipes. Its output is not awaited.
            _ = readers.wait(timeout: .now() + 2)
            guard let self else {
                Self.reap(pid)
                return
            }
            state.withLock { state in
                state.exit = Self.reap(pid)
                state.isReaped = true
            }
        }
    }

    @discardableResult
    private static func reap(_ pid: pid_t) -> Exit {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) == -1, errno == EINTR {}
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }
}
