import Foundation

/// TCP ports of 127.0.0.1.
enum LoopbackPort {
    /// A port that nobody uses now.
    static func free() throws -> Int {
        guard let port = bound(to: 0) else {
            throw Unavailable(description: "No free port on 127.0.0.1 could be found.")
        }
        return port
    }

    /// `preferred`, or the next one that is free.
    static func next(from preferred: Int) throws -> Int {
        for port in preferred..<min(preferred + 100, 65_536) where bound(to: port) != nil { return port }
        throw Unavailable(description: "No port from \(preferred) to \(preferred + 99) is free.")
    }

    /// Whether somebody accepts connections there.
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
