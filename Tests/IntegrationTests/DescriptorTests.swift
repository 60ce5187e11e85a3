import ChildProcesses
import Foundation
import Synchronization
import TestSupport
import Testing

/// A gateway with few descriptors serves other clients while anonymous ones hold all the connections they can get.
@Suite("Few file descriptors")
struct DescriptorTests {
    @Test("Endless anonymous requests do not affect other clients, and the broker reconnects")
    func slowPosts() async throws {
        let broker = try await MosquittoBroker.start()
        let folder = try TemporaryFolder()
        let port = try FreePort.reserve()
        // Lowers the hard limit as well, because the gateway cannot raise that.
        let gateway = try ChildProcess(
            "/bin/sh",
            [
                "-c", "ulimit -n \(Self.openFiles); exec \"$0\" \"$@\"", try PackageRoot.executable.path, "serve",
                "--listen", "127.0.0.1:\(port)", "--mqtt-url", broker.url, "--data-dir", folder.url.path,
                "--dashboards-dir", try PackageRoot.directory.appending(path: "dashboards").path,
            ], environment: ["WINDSOCK_JWT_SECRET": GatewayProcess.secret], workingDirectory: folder.url)
        try await gateway.waitForLine("that it is ready") { $0.contains("Ready: http://") }
        let attack = SlowPosts(port: port, count: 240)
        defer { attack.stop() }
        try await eventually("the attackers' connections were evicted") { attack.lostCount > 100 }
        try await broker.terminate()
        for _ in 1...18 { #expect(try await Self.status("/livez", port) == 200) }
        try await broker.restart()
        try await eventually("the broker is connected again") { try await Self.status("/readyz", port) == 200 }
        for _ in 1...18 { #expect(try await Self.status("/livez", port) == 200) }
        #expect(gateway.lines.filter { $0.text.lowercased().contains("open files") }.map(\.text) == [])
        attack.stop()
        #expect(try await gateway.terminate() == .exited(0))
        try await broker.terminate()
    }

    /// Leaves 128 for connections on two cores, fewer than the attackers want.
    private static let openFiles = 240

    /// Retries as browsers do: a slow connection may lose its place before its request arrives.
    private static func status(_ path: String, _ port: Int) async throws -> Int {
        for attempt in 1... {
            do {
                return try await HTTPClientLite.request(
                    "GET", "http://127.0.0.1:\(port)\(path)", within: .seconds(60)
                ).status
            } catch  where attempt < 10 {}
        }
        return 0
    }
}

/// Connections that stay silent, or send a request body byte by byte. Each closed connection is reopened.
private final class SlowPosts: Sendable {
    private static let head = Array(
        "POST /api/rooms/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 10000\r\n\r\n{".utf8)
    private static let pace = DispatchTimeInterval.milliseconds(100)

    private let isStopped = Atomic<Bool>(false)
    private let stopping = DispatchSemaphore(value: 0)
    private let lost = Atomic<Int>(0)
    private let finished = DispatchSemaphore(value: 0)

    init(port: Int, count: Int) {
        Thread.detachNewThread { [self] in
            var sockets = [Int32](repeating: -1, count: count)
            while stopping.wait(timeout: .now() + Self.pace) == .timedOut {
                for index in sockets.indices {
                    if sockets[index] < 0 {
                        sockets[index] = Self.connect(to: port)
                        if index % 2 == 0 { _ = Self.send(Self.head, to: sockets[index]) }
                    } else if Self.isEnded(sockets[index]) || (index % 2 == 0 && !Self.send([65], to: sockets[index])) {
                        lost.add(1, ordering: .relaxed)
                        close(sockets[index])
                        sockets[index] = -1
                    }
                }
            }
            for socket in sockets where socket >= 0 { close(socket) }
            finished.signal()
        }
    }

    /// Connections closed by the server.
    var lostCount: Int { lost.load(ordering: .relaxed) }

    func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        stopping.signal()
        finished.wait()
    }

    private static func connect(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return descriptor }
        if descriptor >= 0 { close(descriptor) }
        return -1
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) >= 0
            || errno == EAGAIN
    }

    /// Returns whether the server has closed the connection, and discards any response.
    private static func isEnded(_ descriptor: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count == 0 || (count < 0 && errno != EAGAIN)
    }
}
