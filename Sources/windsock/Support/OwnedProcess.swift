import Core
import Foundation

/// A child process in its own process group. The kernel terminates it when this process ends, if `setpriv` is
/// installed.
///
/// The separate group keeps the terminal's Ctrl-C away from the child. `setpriv --pdeathsig` (util-linux) makes the
/// kernel send SIGTERM when the thread that started the child ends. Therefore a dedicated thread starts the child and
/// waits for its end.
final class OwnedProcess: Sendable {
    private struct State {
        var pid: pid_t?
        var status: Int32?
        var waiters: [CheckedContinuation<Int32, Never>] = []
    }

    /// The error for a process that could not be started, or that did not become ready.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The environment variables that the child inherits.
    private static let passedOn: Set<String> = ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"]

    private let state = Lock(State())

    /// Starts `program` with `arguments`. The program's standard input is empty; its standard output and error go to
    /// the file `log`.
    init(_ program: String, _ arguments: [String], log: String) throws {
        let started = DispatchSemaphore(value: 0)
        let failure = Lock<String?>(nil)
        let command = Self.command(program, arguments)
        let thread = Thread { [self] in
            var pid: pid_t = 0
            let result = Self.spawn(&pid, command, log: log)
            if result == 0 {
                state.withLock { $0.pid = pid }
            } else {
                failure.withLock { $0 = String(cString: strerror(result)) }
            }
            started.signal()
            if result == 0 { wait(for: pid) }
        }
        thread.name = "child"
        thread.start()
        started.wait()
        if let reason = failure.withLock({ $0 }) {
            throw Failure(description: "\(program) could not be started: \(reason)")
        }
    }

    /// Sends SIGTERM if the process is still running.
    func terminate() {
        state.withLock { state in
            guard state.status == nil, let pid = state.pid else { return }
            kill(pid, SIGTERM)
        }
    }

    /// Waits for the process to end. Returns its exit status, or 128 plus the signal's number.
    func exit() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = state.withLock { state in
                if state.status == nil { state.waiters.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    /// Waits until `condition` is true.
    ///
    /// - Throws: ``Failure`` when the process ends or the time runs out first.
    func waitUntil(within duration: Duration, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + duration
        while !condition() {
            if let status = state.withLock({ $0.status }) {
                throw Failure(description: "it exited with status \(status)")
            }
            guard ContinuousClock.now < deadline else { throw Failure(description: "no response within \(duration)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Returns the path of a program in PATH or in one of the other folders.
    static func find(_ name: String, also folders: [String] = []) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return (path.split(separator: ":").map(String.init) + folders).map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }

    private static func command(_ program: String, _ arguments: [String]) -> [String] {
        guard let setpriv = find("setpriv") else { return [program] + arguments }
        return [setpriv, "--pdeathsig", "TERM", program] + arguments
    }

    private static func spawn(_ pid: inout pid_t, _ command: [String], log: String) -> Int32 {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        posix_spawnattr_setpgroup(&attributes, 0)
        // The Swift runtime's threads block signals, and a child inherits the mask: without this it would not receive
        // SIGTERM.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var arguments = command.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        // Pass on only the listed variables, so that the child gets no secrets.
        let passedOn = ProcessInfo.processInfo.environment.filter { Self.passedOn.contains($0.key) }
        var environment = passedOn.map { strdup("\($0.key)=\($0.value)") }
        environment.append(nil)
        defer { for variable in environment { free(variable) } }
        return posix_spawn(&pid, command[0], &actions, &attributes, arguments, environment)
    }

    private func wait(for pid: pid_t) {
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0, errno == EINTR {}
        let signal = raw & 0x7F
        let status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
        let waiters = state.withLock { state in
            state.status = status
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: status) }
    }
}
