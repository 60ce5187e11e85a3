import Core
package import Foundation

/// A real mosquitto on a free port of the loopback interface, gone when the test lets go of it.
///
/// It keeps its port, its configuration and its folder when it is killed and restarted. Nothing is lost for an absent
/// client: the number of queued messages is not limited.
package final class MosquittoBroker: Sendable {

    /// Where the program is looked for before `PATH`: Debian keeps it where users have none of their own.
    private static let programs = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"]
    /// A port may be taken between the look and mosquitto's bind.
    private static let attempts = 5

    package let port: Int
    /// Its configuration and what it stores; a place for the test's certificates and password files as well.
    package let folder: URL

    private let process: Lock<ChildProcess>

    /// Starts a broker and waits until it listens.
    ///
    /// - Parameters:
    ///   - persistent: Whether sessions and queued messages survive its end. It saves after changes and when it is
    ///     asked to end; what it accepted since the last ``save()`` may not survive ``kill()``.
    ///   - anonymous: Whether clients need no user name.
    ///   - configuration: Further lines, which apply to the listener where they can; `%FOLDER%` is ``folder``.
    ///   - files: What to put into the folder before the start, by name.
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
            } catch let failure as ChildProcess.Failure {
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
        // As root, mosquitto would become a user who may not read our folder.
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

    /// What it has logged since its last start.
    package var log: [String] { current.lines.map(\.text) }

    /// Waits until it logs a line that satisfies `isMatch`; lines logged already count.
    @discardableResult
    package func waitForLog(
        _ what: String, within duration: Duration = .seconds(20), where isMatch: (String) -> Bool
    ) async throws -> String {
        try await current.waitForLine(what, within: duration, where: isMatch)
    }

    /// Has it save its sessions and queued messages, and waits until the file is there; it must be persistent.
    package func save() async throws {
        let file = folder.appending(path: "mosquitto.db")
        try? FileManager.default.removeItem(at: file)
        // It writes another file and renames it.
        current.signal(SIGUSR1)
        try await eventually("the broker has saved") { FileManager.default.fileExists(atPath: file.path) }
    }

    /// Ends it as a power cut would (SIGKILL), and waits for the end.
    package func kill() async throws {
        current.kill()
        try await current.waitForExit()
    }

    /// Asks it to end (SIGTERM), and waits: it saves what is to survive, if it is persistent.
    package func terminate() async throws {
        try await current.terminate()
    }

    /// Lets it hang without ending, its sockets open.
    package func freeze() {
        current.signal(SIGSTOP)
    }

    /// Ends ``freeze()``.
    package func thaw() {
        current.signal(SIGCONT)
    }

    /// Starts it again on the same port, with the same configuration and folder; ends it first when it still runs.
    package func restart() async throws {
        if current.exit == nil { try await terminate() }
        let next = try Self.launch(in: folder)
        process.withLock { $0 = next }
        try await waitUntilListening()
    }

    private var current: ChildProcess { process.withLock { $0 } }

    private func waitUntilListening() async throws {
        try await waitForLog("that it runs") { $0.contains("mosquitto version") && $0.contains("running") }
    }

    private static func file(in folder: URL) -> URL { folder.appending(path: "mosquitto.conf") }

    private static func launch(in folder: URL) throws -> ChildProcess {
        let program = programs.first(where: FileManager.default.isExecutableFile) ?? "mosquitto"
        return try ChildProcess(program, ["-c", file(in: folder).path])
    }
}
