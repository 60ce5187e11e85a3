import Foundation
import ServiceLifecycle
import Synchronization

/// A mosquitto of the demo's own: on a free loopback port, in its own process group, gone with its parent.
///
/// `run()` returns after a graceful shutdown, once mosquitto has ended; it throws when mosquitto ends by itself.
/// Ctrl-C in the terminal does not reach it: it stops when the gateway in front of it has stopped.
final class PrivateBroker: Service {
    /// The port it listens on.
    let port: Int

    private let process: OwnedProcess
    private let isStopping = Atomic(false)
    private let directory: URL

    /// Starts mosquitto and waits until it accepts connections.
    init() async throws {
        guard let program = OwnedProcess.find("mosquitto", also: ["/usr/sbin", "/usr/local/sbin"]) else {
            throw Unavailable(
                description: "mosquitto is not installed. Install it (sudo apt-get install mosquitto), or name a "
                    + "broker with --mqtt-url.")
        }
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("windsock-demo-\(UUID().uuidString)")
        port = try LoopbackPort.free()
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let file = directory.appendingPathComponent("mosquitto.conf")
        try Self.configuration(port: port).write(to: file, atomically: true, encoding: .utf8)
        let log = directory.appendingPathComponent("mosquitto.log")
        process = try OwnedProcess(program, ["-c", file.path], log: log.path)
        do {
            try await process.waitUntil(within: .seconds(10)) { [port] in LoopbackPort.accepts(port) }
        } catch {
            process.terminate()
            let output = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            try? FileManager.default.removeItem(at: directory)
            throw Unavailable(description: "mosquitto did not start: \(error)\n\(output)")
        }
    }

    func run() async throws {
        let status = await withGracefulShutdownHandler {
            await process.exit()
        } onGracefulShutdown: {
            self.stop()
        }
        try? FileManager.default.removeItem(at: directory)
        guard isStopping.load(ordering: .relaxed) else {
            throw Unavailable(description: "The demo's mosquitto ended by itself (status \(status)).")
        }
    }

    /// Ends mosquitto; returns at once.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        process.terminate()
    }

    /// Nothing is lost while the gateway restarts: no limit on queued messages. As root mosquitto would become
    /// another user that may not read our folder.
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
