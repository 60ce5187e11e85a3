#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A second descriptor of a connection, so that the first can be closed without losing what was just written.
///
/// A socket that is closed while it holds unread bytes is reset, and a reset may take with it what the peer has not
/// read yet (RFC 9293 section 3.10.4, RFC 1122 section 4.2.2.13): under load that would be our last acknowledgements,
/// and their messages would come again. libmosquitto closes its descriptor as soon as DISCONNECT is written.
struct LingeringSocket: ~Copyable {
    private let descriptor: Int32

    /// Duplicates `socket`; `nil` when the system cannot.
    init?(_ socket: Int32) {
        descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
    }

    deinit {
        close(descriptor)
    }

    /// Ends our side, and reads what still comes until the peer has ended its own or `deadline` has come.
    func waitForPeer(until deadline: ContinuousClock.Instant) {
        shutdown(descriptor, Int32(SHUT_WR))
        withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
            while ContinuousClock.now < deadline {
                let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if count == 0 { return }
                if count < 0 {
                    guard errno == EAGAIN || errno == EINTR else { return }
                    var readiness = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    poll(&readiness, 1, 50)
                }
            }
        }
    }
}
