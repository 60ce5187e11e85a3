import Glibc
import Synchronization

/// Finds unused TCP ports on the loopback interface.
///
/// Ports come from below the ephemeral range (32768 and up), and no port is handed out twice in a row. That makes it
/// unlikely that another process takes the port before the caller binds it.
package enum FreePort {
    package struct NoneLeft: Error {}

    private static let range = 20_000..<32_000
    private static let next = Atomic<Int>(Int(getpid()) * 61)

    /// Returns a port that could be bound a moment ago.
    package static func reserve() throws(NoneLeft) -> Int {
        for _ in range {
            let number = next.wrappingAdd(1, ordering: .relaxed).newValue
            let port = range.lowerBound + number % range.count
            if canBind(UInt16(port)) { return port }
        }
        throw NoneLeft()
    }

    private static func canBind(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
