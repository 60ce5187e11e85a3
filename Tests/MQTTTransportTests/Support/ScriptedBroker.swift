import Core
import Foundation

/// A TCP peer that speaks scripted MQTT, for brokers that refuse, hang up or misbehave.
///
/// Every connection runs the script on a thread of its own. The socket is closed when the script ends.
final class ScriptedBroker: Sendable {
    typealias Script = @Sendable (_ connection: ScriptedConnection, _ number: Int) throws -> Void

    let port: Int
    private let listener: Int32
    private let state = Lock((accepted: 0, errors: [any Error]()))

    /// - Parameter script: Receives each connection and its number, counted from 0. Errors are stored in ``errors``,
    ///   except when the client closed the connection.
    init(_ script: @escaping Script) throws {
        (listener, port) = try Self.listen(backlog: 16)
        Thread.detachNewThread { [weak self, listener] in
            var number = 0
            while true {
                let socket = accept(listener, nil, nil)
                guard socket >= 0 else { return }
                self?.state.withLock { $0.accepted += 1 }
                let connection = ScriptedConnection(socket: socket)
                Thread.detachNewThread { [weak self, number] in
                    do {
                        try script(connection, number)
                    } catch is ScriptedConnection.Ended {
                    } catch {
                        self?.state.withLock { $0.errors.append(error) }
                    }
                    connection.close()
                }
                number += 1
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The number of connections so far.
    var accepted: Int { state.withLock { $0.accepted } }
    /// The errors thrown by scripts.
    var errors: [any Error] { state.withLock { $0.errors } }

    /// Opens a listening socket on a free loopback port.
    static func listen(backlog: Int32) throws -> (socket: Int32, port: Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let bound = withLoopback(0) { bind(listener, $0, $1) }
        guard bound == 0, Glibc.listen(listener, backlog) == 0 else { throw POSIXError(.EADDRINUSE) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener, $0, &length) }
        }
        guard named == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Calls `body` with the address of a loopback port.
    static func withLoopback<Result>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
