import Foundation
import TestSupport

/// A real broker on a free loopback port, for one test.
final class Mosquitto: Sendable {
    let port: Int
    private let process: ChildProcess
    private let folder: URL

    /// Starts it, on a port of its own unless one is named, and waits until it listens.
    init(port: Int? = nil) async throws {
        self.port = try port ?? FreePort.reserve()
        folder = FileManager.default.temporaryDirectory.appending(path: "windsock-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appending(path: "mosquitto.conf")
        let user = getuid() == 0 ? "user root\n" : ""
        try
            (user
            + "listener \(self.port) 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n")
            .write(to: file, atomically: true, encoding: .utf8)
        let path =
            ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
            .first(where: FileManager.default.isExecutableFile) ?? "mosquitto"
        process = try ChildProcess(path, ["-v", "-c", file.path])
        try await process.waitForLine("that it runs") { $0.contains("mosquitto version") && $0.contains("running") }
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    /// Stops the broker as a power cut would.
    func kill() async throws {
        process.kill()
        try await process.waitForExit()
    }
}
