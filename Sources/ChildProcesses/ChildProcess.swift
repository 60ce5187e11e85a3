package import Core
package import Foundation

/// A child process that does not outlive this one, with its output as lines.
///
/// It runs in a process group of its own, so a terminal's Ctrl-C does not reach it. The group is killed when its leader
/// exits and when this object is released. `setpriv --pdeathsig` (util-linux) makes the kernel kill the leader when this
/// process ends in any other way. A program that changes its user loses that last safeguard, so keep it from doing so.
package final class ChildProcess: Sendable {
    package enum Stream: Sendable {
        case output
        case error
    }

    package struct Line: Sendable, Hashable {
        package let stream: Stream
        package let text: String
    }

    package enum Exit: Sendable, Hashable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)

        package var description: String {
            switch self {
            case .exited(let status): "exit status \(status)"
            case .signalled(let number): "signal \(number)"
            }
        }
    }

    package let name: String
    /// The process ID, which is also the process group ID.
    package let pid: pid_t

    private let log = LineLog()
    private let state: Lock<State>

    private struct State {
        var exit: Exit?
        var waiters: [CheckedContinuation<Exit, Never>] = []
    }

    /// Starts `executable`, a path or a name that is looked up in `PATH`. Its standard input is empty.
    ///
    /// - Parameters:
    ///   - environment: Variables added to those of this process.
    ///   - inherited: The variables of this process that the child gets; all when `nil`.
    ///   - workingDirectory: The working directory; the current one when `nil`.
    /// - Throws: ``Unavailable`` when the system cannot start the process. With `setpriv`, a missing `executable` shows as
    ///   exit status 127.
    package init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        inheriting inherited: Set<String>? = nil, workingDirectory: URL? = nil
    ) throws(Unavailable) {
        name = (executable as NSString).lastPathComponent
        var variables = ProcessInfo.processInfo.environment.filter { inherited?.contains($0.key) ?? true }
        variables.merge(environment) { $1 }
        let guardian = Self.find("setpriv").map { [$0, "--pdeathsig", "KILL", "--"] } ?? []
        let request = SpawnRequest(
            arguments: guardian + (workingDirectory.map { ["env", "--chdir=\($0.path)"] } ?? []) + [executable]
                + arguments,
            environment: variables.map { "\($0.key)=\($0.value)" })
        let spawned: SpawnRequest.Spawned
        switch SpawnThread.shared.run({ request.spawn() }) {
        case .success(let value): spawned = value
        case .failure(let failure):
            throw Unavailable(description: "\(executable) could not be started: \(failure.description)")
        }
        pid = spawned.pid
        state = Lock(State())
        watch(spawned)
    }

    /// Returns the path of a program in `PATH` or in one of the other folders.
    package static func find(_ name: String, also folders: [String] = []) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return (path.split(separator: ":").map(String.init) + folders).map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
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

    /// The last lines, for failure messages.
    package var tail: String { log.lines.suffix(20).map(\.text).joined(separator: "\n") }

    /// Returns the first line at or after `position` that satisfies `isMatch`, and the position to continue from.
    package func firstLine(from position: Int, where isMatch: (Line) -> Bool) -> (line: Line?, next: Int) {
        log.first(from: position, where: isMatch)
    }

    /// Waits for the process to end. ``lines`` is complete by then.
    package func wait() async -> Exit {
        await withCheckedContinuation { continuation in
            let exit: Exit? = state.withLock { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    /// Sends signal `number` to the process or to its whole group.
    package func signal(_ number: Int32, toGroup: Bool = false) {
        state.withLock { state in
            // The ID of a reaped process may have been reused.
            if state.exit == nil { _ = Foundation.kill(toGroup ? -pid : pid, number) }
        }
    }

    /// Kills the whole process group with SIGKILL.
    package func kill() {
        signal(SIGKILL, toGroup: true)
    }

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
            let (exit, waiters) = state.withLock { state in
                let exit = Self.reap(pid)
                state.exit = exit
                defer { state.waiters = [] }
                return (exit, state.waiters)
            }
            for waiter in waiters { waiter.resume(returning: exit) }
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
