import Core
import Glibc

/// A `posix_spawn` request: a new process group, default signals, empty standard input, and pipes for output and error.
struct SpawnRequest: Sendable {
    struct Spawned: Sendable {
        var pid: pid_t
        /// The read ends of the pipes.
        var output: Int32
        var error: Int32
    }

    /// The program, looked up in `PATH`, and its arguments.
    var arguments: [String]
    /// The complete environment as `NAME=value`.
    var environment: [String]

    func spawn() -> Result<Spawned, Unavailable> {
        var output: [Int32] = [-1, -1]
        var error: [Int32] = [-1, -1]
        guard pipe(&output) == 0 else { return .failure(Self.failure(of: "pipe", errno)) }
        guard pipe(&error) == 0 else {
            let number = errno
            output.forEach { close($0) }
            return .failure(Self.failure(of: "pipe", number))
        }
        // Keeps other children from inheriting the pipes. All children are started on one thread, so none is spawned in
        // between.
        for descriptor in output + error { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let (pid, number) = start(output: output[1], error: error[1])
        close(output[1])
        close(error[1])
        guard number == 0 else {
            close(output[0])
            close(error[0])
            return .failure(Self.failure(of: "posix_spawn", number))
        }
        return .success(Spawned(pid: pid, output: output[0], error: error[0]))
    }

    private static func failure(of call: String, _ number: Int32) -> Unavailable {
        Unavailable(description: "\(call): \(String(cString: strerror(number)))")
    }

    private func start(output: Int32, error: Int32) -> (pid_t, Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setpgroup(&attributes, 0)
        // The Swift runtime's threads block signals, and a child inherits the mask: without this it would not receive
        // SIGTERM.
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pid: pid_t = 0
        let program = arguments.first ?? ""
        let number = withCStrings(arguments) { arguments in
            withCStrings(environment) { environment in
                posix_spawnp(&pid, program, &actions, &attributes, arguments, environment)
            }
        }
        return (pid, number)
    }

    /// Calls `body` with a null-terminated array of C strings.
    private func withCStrings<Value>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        return body(copies + [nil])
    }
}
