internal import CMosquitto
import Core
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One thread that serves the sockets of any number of clients.
///
/// The gateway has one with one client; the device simulator drives hundreds of devices with one. Ours instead of
/// libmosquitto's own thread, because only so nothing is acknowledged before it was accepted, and because it is
/// faster: whole batches are read, accepted and acknowledged at once.
///
///     poll(sockets, eventfd) ──▶ read until dry ──▶ handler.accept(batch) ──▶ write (acknowledgements) ──▶ keep-alive
///
/// `@unchecked Sendable`: `sessions` is touched on the loop's own thread only; everything else is immutable or in a
/// `Lock`.
package final class MQTTLoop: @unchecked Sendable {
    private struct Shared {
        var work: [@Sendable () -> Void] = []
        var isStopped = false
        var hasThread = false
    }

    /// The longest sleep: how late keep-alives and deadlines may be.
    private static let maxSleep = Duration.milliseconds(500)
    /// About three times the share of an ordinary thread.
    private static let urgentNiceness: Int32 = -5

    private let shared = Lock(Shared())
    private let dialer = MQTTDialer()
    private let wakeUp: Int32
    private let name: String
    private let isUrgent: Bool
    private var sessions: [MQTTSession] = []

    /// A loop whose thread starts with the first work.
    ///
    /// - Parameter isUrgent: Whether its thread goes before others of the process on a busy machine. Where the system does
    ///   not allow that (Linux: `CAP_SYS_NICE`), it is one among them.
    package init(name: String = "mqtt", isUrgent: Bool = false) {
        self.name = name
        self.isUrgent = isUrgent
        wakeUp = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    }

    deinit {
        close(wakeUp)
    }

    /// Does `work` on the loop's thread, in the order of the calls; false when the loop has been stopped.
    @discardableResult
    func post(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (accepted, wasEmpty) = shared.withLock { shared in
            guard !shared.isStopped else { return (false, false) }
            shared.work.append(work)
            if !shared.hasThread {
                shared.hasThread = true
                startThread()
            }
            return (true, shared.work.count == 1)
        }
        if wasEmpty { wake() }
        return accepted
    }

    /// Does `work`, which may block, on another thread.
    func dial(_ work: @escaping @Sendable () -> Void) {
        dialer.dial(work)
    }

    /// Ends the thread once it is done with what it does; clients must have been stopped before.
    package func stop() {
        shared.withLock { $0.isStopped = true }
        wake()
    }

    /// On the loop's thread only.
    func add(_ session: MQTTSession) {
        if !sessions.contains(where: { $0 === session }) { sessions.append(session) }
    }

    /// On the loop's thread only.
    func remove(_ session: MQTTSession) {
        sessions.removeAll { $0 === session }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeUp, &one, MemoryLayout<UInt64>.size)
    }

    private func startThread() {
        // The thread keeps the loop alive until stop() is called.
        let thread = Thread { self.run() }
        thread.name = name
        thread.start()
    }

    private func run() {
        #if os(Linux)
            // Of this thread alone; elsewhere it would be the whole process's.
            if isUrgent { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Self.urgentNiceness) }
        #endif
        var descriptors: [pollfd] = []
        var served: [MQTTSession] = []
        while true {
            let (work, isStopped) = shared.withLock { shared in
                defer { shared.work = [] }
                return (shared.work, shared.isStopped)
            }
            for item in work { item() }
            if isStopped {
                sessions = []
                break
            }
            let now = ContinuousClock.now
            var deadline = now + Self.maxSleep
            for session in sessions {
                if let next = session.tick(at: now), next < deadline { deadline = next }
            }
            descriptors.removeAll(keepingCapacity: true)
            served.removeAll(keepingCapacity: true)
            descriptors.append(pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0))
            for session in sessions {
                guard let descriptor = session.pollDescriptor else { continue }
                descriptors.append(descriptor)
                served.append(session)
            }
            if served.contains(where: \.hasUnread) { deadline = now }
            let sleep = max(.zero, deadline - ContinuousClock.now)
            let milliseconds = Int32((sleep / .milliseconds(1)).rounded(.up))
            _ = poll(&descriptors, nfds_t(descriptors.count), milliseconds)
            if descriptors[0].revents != 0 {
                var count: UInt64 = 0
                _ = read(wakeUp, &count, MemoryLayout<UInt64>.size)
            }
            for (descriptor, session) in zip(descriptors.dropFirst(), served)
            where descriptor.revents != 0 || session.hasUnread {
                session.serve(descriptor.revents)
            }
        }
    }
}
