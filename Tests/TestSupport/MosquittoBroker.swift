import ChildProcesses
import Core
package import Foundation

/// A real mosquitto on a free loopback port. It ends when the test releases it.
///
/// It keeps its port, configuration and folder across kills and restarts. Messages for an absent client are never
/// dropped because the queue length is unlimited.
package final class MosquittoBroker: Sendable {
    /// Folders to search besides `PATH`. Debian installs mosquitto in `sbin`, which is not in a normal user's `PATH`.
    private static let folders = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"]
    /// Another process may take the port before mosquitto binds it.
    private static let attempts = 5

    package let port: Int
    /// Holds the broker's configuration and database, and the test's certificates and password files.
    package let folder: URL

    private let process: Lock<ChildProcess>

    /// Starts a broker and waits until it listens.
    ///
    /// - Parameters:
    ///   - persistent: Whether sessions and queued messages survive a restart. The broker saves after changes and on
    ///     SIGTERM; messages accepted since the last ``save()`` may not survive ``kill()``.
    ///   - anonymous: Whether clients may connect without a user name.
    ///   - configuration: Additional configuration lines. They apply to the listener where possible; `%FOLDER%` is
    ///     replaced by ``folder``.
    ///   - files: Files to create in the folder before the start, by name.
    package static func start(
        persistent: Bool = false, anonymous: Bool = true, configuration: [String] = [], files: [String: Data] = [:]
    ) async throws -> MosquittoBroker {
        var attempt = 1
        while true {
            do {
                let broker = try MosquittoBroker(
                    port: FreePort.reserve(), persistent: persistent, anonymous: anonymous,
                    configuration: configuration, files: files)
                try await broker.waitUntilListening()
                return broker
            } catch let failure as Unavailable {
                guard failure.description.contains("Address already in use"), attempt < attempts else { throw failure }
                attempt += 1
            }
        }
    }

    private init(
        port: Int, persistent: Bool, anonymous: Bool, configuration: [String], files: [String: Data]
    ) throws {
        self.port = port
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-broker-\(UUID().uuidString)")
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, content) in files { try content.write(to: folder.appending(path: name)) }
        var lines = [
            "allow_anonymous \(anonymous)", "max_queued_messages 0", "max_inflight_messages 1000", "log_dest stderr",
            "log_type error", "log_type warning", "log_type notice", "log_type information",
        ]
        // When started as root, mosquitto would switch to a user that cannot read the folder.
        if geteuid() == 0 { lines.append("user root") }
        if persistent {
            lines += [
                "persistence true", "persistence_location \(folder.path)/", "autosave_on_changes true",
                "autosave_interval 1",
            ]
        }
        lines += ["listener \(port) 127.0.0.1"]
        lines += configuration.map { $0.replacingOccurrences(of: "%FOLDER%", with: folder.path) }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: Self.file(in: folder))
        process = Lock(try Self.launch(in: folder))
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    /// `mqtt://127.0.0.1:…`.
    package var url: String { "mqtt://127.0.0.1:\(port)" }

    /// The lines logged since the last start.
    package var log: [String] { current.lines.map(\.text) }

    /// Waits for a log line that satisfies `isMatch`. Lines already logged count.
    @discardableResult
    package func waitForLog(
        _ what: String, within duration: Duration = .seconds(20), where isMatch: (String) -> Bool
    ) async throws -> String {
        try await current.waitForLine(what, within: duration, where: isMatch)
    }

    /// Makes a persistent broker save its sessions and queued messages, and waits until the file exists.
    package func save() async throws {
        let file = folder.appending(path: "mosquitto.db")
        try? FileManager.default.removeItem(at: file)
        // mosquitto writes a temporary file and renames it.
        current.signal(SIGUSR1)
        try await eventually("the broker has saved") { FileManager.default.fileExists(atPath: file.path) }
    }

    /// Kills the broker with SIGKILL, as a power cut would, and waits for the process to end.
    package func kill() async throws {
        current.kill()
        try await current.waitForExit()
    }

    /// Sends SIGTERM and waits for the process to end. A persistent broker saves its state first.
    package func terminate() async throws {
        try await current.terminate()
    }

    /// Stops the process without ending it. Its sockets stay open.
    package func freeze() {
        current.signal(SIGSTOP)
    }

    /// Resumes the process after ``freeze()``.
    package func thaw() {
        current.signal(SIGCONT)
    }

    /// Restarts the broker on the same port with the same configuration and folder, terminating it first if it still
    /// runs.
    package func restart() async throws {
        if current.exit == nil { try await terminate() }
        let next = try Self.launch(in: folder)
        process.withLock { $0 = next }
        try await waitUntilListening()
    }

    /// Returns the path of the dynamic security plugin, which comes with the mosquitto package. The folder name includes
    /// the machine's architecture.
    package static func dynamicSecurityPlugin() throws -> String {
        let libraries = URL(filePath: "/usr/lib")
        let folders = try FileManager.default.contentsOfDirectory(at: libraries, includingPropertiesForKeys: nil)
        let paths = folders.map { $0.appending(path: "mosquitto_dynamic_security.so").path }
        guard let path = paths.first(where: FileManager.default.fileExists) else {
            throw Unavailable(description: "mosquitto_dynamic_security.so is not installed")
        }
        return path
    }

    private var current: ChildProcess { process.withLock { $0 } }

    private func waitUntilListening() async throws {
        try await waitForLog("that it runs") { $0.contains("mosquitto version") && $0.contains("running") }
    }

    private static func file(in folder: URL) -> URL { folder.appending(path: "mosquitto.conf") }

    private static func launch(in folder: URL) throws -> ChildProcess {
        let program = ChildProcess.find("mosquitto", also: folders) ?? "mosquitto"
        return try ChildProcess(program, ["-c", file(in: folder).path])
    }
}
