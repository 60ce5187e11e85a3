import Foundation
import Logging
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
    private let directory: URL
    private let logger: Logger

    /// Starts mosquitto and waits until it accepts connections.
    init(logger: Logger) async throws {
        guard let program = OwnedProcess.find("mosquitto", also: ["/usr/sbin", "/usr/local/sbin"]) else {
            throw Unavailable(
                description: "mosquitto is not installed. Install it (sudo apt-get install mosquitto), or name a "
                    + "broker with --mqtt-url.")
        }
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("windsock-demo-\(UUID().uuidString)")
        port = try LoopbackPort.free()
        self.logger = logger
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appendingPathComponent("mosquitto.conf")
        try Self.configuration(port: port).write(to: file, atomically: true, encoding: .utf8)
        process = try OwnedProcess(program, ["-c", file.path])
        do {
            try await process.waitUntil(within: .seconds(10)) { [port] in LoopbackPort.accepts(port) }
        } catch {
            process.terminate()
            try? FileManager.default.removeItem(at: directory)
            throw Unavailable(description: "mosquitto did not start: \(error)")
        }
    }

    func run() async throws {
        let ended = try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask { [process] in await process.exit() }
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        if let ended {
            try? FileManager.default.removeItem(at: directory)
            throw Unavailable(description: "The demo's mosquitto ended by itself (status \(ended)).")
        }
        stop()
        _ = await process.exit()
    }

    /// Ends mosquitto; returns at once.
    func stop() {
        process.terminate()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Nothing is lost while the gateway restarts: no limit on queued messages. As root mosquitto would become
    /// another user that may not read our folder.
    private static func configuration(port: Int) -> String {
        """
        listener \(port) 127.0.0.1
        allow_anonymous true
        persistence false
        max_queued_messages 0
        max_inflight_messages 1000
        log_type error
        \(geteuid() == 0 ? "user root" : "")
        """
    }
}
