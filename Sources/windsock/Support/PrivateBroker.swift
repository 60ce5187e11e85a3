import ChildProcesses
import Core
import Foundation
import ServiceLifecycle
import Synchronization

/// A private mosquitto for the demo: on a free loopback port, in its own process group, terminated with its parent.
///
/// `run()` returns after a graceful shutdown, once mosquitto has ended. It throws when mosquitto ends by itself. Ctrl-C
/// in the terminal does not reach mosquitto; the shutdown stops it after the gateway, which depends on it.
final class PrivateBroker: Service {
    /// The port that mosquitto listens on.
    let port: Int

    /// The environment variables that mosquitto inherits. It gets no secrets.
    private static let inheritedVariables: Set<String> = ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"]

    private let process: ChildProcess
    private let isStopping = Atomic(false)
    private let directory: URL

    /// Starts mosquitto and waits until it accepts connections.
    init() async throws {
        guard let program = ChildProcess.find("mosquitto", also: ["/usr/sbin", "/usr/local/sbin"]) else {
            throw Unavailable(
                description: "mosquitto is not installed. Install it (sudo apt-get install mosquitto) or specify a "
                    + "broker with --mqtt-url.")
        }
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("windsock-demo-\(UUID().uuidString)")
        port = try LoopbackPort.free()
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let file = directory.appendingPathComponent("mosquitto.conf")
        try Self.configuration(port: port).write(to: file, atomically: true, encoding: .utf8)
        process = try ChildProcess(program, ["-c", file.path], inheriting: Self.inheritedVariables)
        do {
            try await waitUntilListening()
        } catch {
            process.kill()
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
    }

    private func waitUntilListening() async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while !LoopbackPort.accepts(port) {
            let exit = process.exit
            guard exit == nil, ContinuousClock.now < deadline else {
                let reason = exit.map { "it ended (\($0))" } ?? "no response within 10 s"
                throw Unavailable(description: "mosquitto did not start: \(reason)\n\(process.tail)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func run() async throws {
        let exit = await withGracefulShutdownHandler {
            await process.wait()
        } onGracefulShutdown: {
            self.stop()
        }
        try? FileManager.default.removeItem(at: directory)
        guard isStopping.load(ordering: .relaxed) else {
            throw Unavailable(description: "The demo's mosquitto ended unexpectedly (\(exit)).")
        }
    }

    /// Terminates mosquitto. Returns at once.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        process.signal(SIGTERM)
    }

    /// Returns mosquitto's configuration. The number of queued messages is unlimited, so that none is lost while the
    /// gateway restarts. Mosquitto started by root would switch to a user that cannot read this folder; `user root`
    /// prevents that.
    private static func configuration(port: Int) -> String {
        """
        listener \(port) 127.0.0.1
        allow_anonymous true
        persistence false
        max_queued_messages 0
        set_tcp_nodelay true
        max_inflight_messages 1000
        log_type error
        \(geteuid() == 0 ? "user root" : "")
        """
    }
}

/// TCP ports on 127.0.0.1.
enum LoopbackPort {
    /// Returns a free port that the system chooses.
    static func free() throws -> Int {
        guard let port = bound(to: 0) else {
            throw Unavailable(description: "No free port was found on 127.0.0.1.")
        }
        return port
    }

    /// Returns the first free port of the 100 that begin at `preferred`.
    static func next(from preferred: Int) throws -> Int {
        for port in preferred..<min(preferred + 100, 65_536) where bound(to: port) != nil { return port }
        throw Unavailable(description: "No port from \(preferred) to \(preferred + 99) is free.")
    }

    /// Returns true when a server accepts connections on the port.
    static func accepts(_ port: Int) -> Bool {
        withSocket(port) { socket, address, length in connect(socket, address, length) == 0 }
    }

    private static func bound(to port: Int) -> Int? {
        var found: Int?
        _ = withSocket(port) { socket, address, length in
            var reuse: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
            guard bind(socket, address, length) == 0, listen(socket, 1) == 0 else { return false }
            var actual = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &actual) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
            }
            if result == 0 { found = Int(UInt16(bigEndian: actual.sin_port)) }
            return true
        }
        return found
    }

    private static func withSocket(
        _ port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, length) }
        }
    }
}
