import Core
import Dispatch
import Glibc

/// A plain TCP connection to the loopback interface that sends and receives raw bytes.
///
/// Blocking calls run on their own queues, so they do not occupy Swift's thread pool, which the server needs.
final class RawSocket: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether the peer reset the connection (RST).
        let isReset: Bool

        init(_ what: String, isReset: Bool = false) {
            description = what
            self.isReset = isReset
        }

        static func system(_ call: String) -> Failure {
            let code = errno
            return Failure("\(call): \(String(cString: strerror(code)))", isReset: code == ECONNRESET)
        }
    }

    private static let deadline: Duration = .seconds(60)

    private let sending = DispatchQueue(label: "raw socket, sending")
    private let receiving = DispatchQueue(label: "raw socket, receiving")
    /// Negative when closed.
    private let descriptor: Lock<Int32>

    /// Connects.
    ///
    /// - Parameter receiveBufferBytes: The size of the receive buffer; the system's default when nil.
    init(port: Int, receiveBufferBytes: Int32? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure.system("socket") }
        self.descriptor = Lock(descriptor)
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var noDelay: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure.system("connect") }
    }

    deinit { close() }

    /// Sends all bytes.
    func send(_ bytes: [UInt8]) async throws {
        let sent = try await send(bytes, stalledAfter: Self.deadline)
        guard sent == bytes.count else { throw Failure("only \(sent) of \(bytes.count) bytes were taken") }
    }

    /// Sends each byte in its own segment.
    func sendBytewise(_ bytes: [UInt8]) async throws {
        for byte in bytes { try await send([byte]) }
    }

    /// Sends until everything is written or no progress is made for `duration`. Returns the number of bytes written.
    func send(_ bytes: [UInt8], stalledAfter duration: Duration) async throws -> Int {
        try await on(sending) { descriptor in
            var sent = 0
            while sent < bytes.count {
                guard Self.wait(for: POLLOUT, on: descriptor, duration) else { break }
                let count = bytes[sent...].withUnsafeBytes { rest in
                    Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                }
                if count < 0, errno == EAGAIN { continue }
                guard count >= 0 else { throw Failure.system("send") }
                sent += count
            }
            return sent
        }
    }

    /// Returns the next bytes, or an empty array when the peer has closed its half.
    func receive(within duration: Duration = deadline) async throws -> [UInt8] {
        try await on(receiving) { descriptor in
            guard Self.wait(for: POLLIN, on: descriptor, duration) else { throw Failure("nothing came in time") }
            return try [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                let received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                guard received >= 0 else { throw Failure.system("recv") }
                count = received
            }
        }
    }

    /// Reads until the peer closes its half.
    ///
    /// - Parameter mayReset: Whether a reset by the peer is also accepted.
    func text(mayReset: Bool = false) async throws -> String {
        var bytes: [UInt8] = []
        do {
            while case let more = try await receive(), !more.isEmpty { bytes += more }
        } catch let failure as Failure where failure.isReset && mayReset {}
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Closes the sending half of the connection.
    func finishSending() {
        _ = descriptor.withLock { shutdown($0, Int32(SHUT_WR)) }
    }

    /// Resets the connection (RST).
    func reset() {
        descriptor.withLock { descriptor in
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        close()
    }

    func close() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }

    private func on<Value: Sendable>(
        _ queue: DispatchQueue, _ work: @escaping @Sendable (Int32) throws -> Value
    ) async throws -> Value {
        let descriptor = self.descriptor.withLock { $0 }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try work(descriptor) }) }
        }
    }

    private static func wait(for event: Int32, on descriptor: Int32, _ duration: Duration) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        return poll(&waiting, 1, Int32(duration / .milliseconds(1))) > 0
    }
}
