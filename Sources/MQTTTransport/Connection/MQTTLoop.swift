internal import CMosquitto
import Core
import DequeModule
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A thread with an event loop that serves the sockets of any number of clients.
///
/// The gateway uses one loop for one client; the device simulator uses one for hundreds of devices. The loop replaces
/// libmosquitto's own thread for two reasons: no message is acknowledged before the handler has accepted it, and
/// reading, accepting and acknowledging whole batches is faster.
///
///     poll(sockets, eventfd) ──▶ read all data ──▶ handler.accept(batch) ──▶ write (acknowledgements) ──▶ keep-alive
///
/// `@unchecked Sendable`: `sessions` is accessed only on the loop's own thread. Everything else is immutable or
/// protected by a `Lock`.
package final class MQTTLoop: @unchecked Sendable {
    private struct Shared {
        var work: [@Sendable () -> Void] = []
        var isStopped = false
        var hasThread = false
    }

    /// The maximum wait in `poll` while no session has an earlier deadline.
    private static let maxSleep = Duration.milliseconds(500)
    /// A nice value that gives the thread about three times the CPU share of an ordinary one.
    private static let urgentNiceness: Int32 = -5

    private let shared = Lock(Shared())
    private let dialer = MQTTDialer()
    private let wakeUp: Int32
    private let name: String
    private let isUrgent: Bool
    private var sessions: [MQTTSession] = []

    /// Creates a loop. Its thread starts when the first work is posted.
    ///
    /// - Parameter isUrgent: true to schedule the thread before others on a busy machine. Has no effect where the
    ///   system does not permit it (on Linux it needs `CAP_SYS_NICE`).
    package init(name: String = "mqtt", isUrgent: Bool = false) {
        self.name = name
        self.isUrgent = isUrgent
        wakeUp = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    }

    deinit {
        close(wakeUp)
    }

    /// Runs `work` on the loop's thread, in the order of the calls. Returns false if the loop has been stopped.
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

    /// Runs `work`, which may block, on a thread of the ``MQTTDialer``.
    func dial(_ work: @escaping @Sendable () -> Void) {
        dialer.dial(work)
    }

    /// Stops the loop's thread once it has run the work posted so far. Stop all clients first.
    package func stop() {
        shared.withLock { $0.isStopped = true }
        wake()
    }

    /// Adds a session to those that the loop serves. Call on the loop's thread only.
    func add(_ session: MQTTSession) {
        if !sessions.contains(where: { $0 === session }) { sessions.append(session) }
    }

    /// Removes a session. Call on the loop's thread only.
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
            // On Linux this applies to the calling thread only. Elsewhere it would apply to the whole process.
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

/// A small thread pool for opening connections, because DNS lookups and TCP connects block.
///
/// A thread ends when no work is queued. At most ``maxThreads`` connect at once. An address that silently drops packets
/// can occupy a thread for the two minutes of the system's connect timeout.
final class MQTTDialer: Sendable {
    static let maxThreads = 8

    private struct State {
        var waiting = Deque<@Sendable () -> Void>()
        var threadCount = 0
    }

    private let state = Lock(State())

    /// Runs `work` on a thread of the pool, where it may block. A client waits for at most one connect, but an
    /// abandoned attempt stays queued until a thread runs it.
    func dial(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.waiting.append(work)
            guard state.threadCount < Self.maxThreads else { return false }
            state.threadCount += 1
            return true
        }
        guard needsThread else { return }
        let thread = Thread { [self] in
            while let work = next() { work() }
        }
        thread.name = "mqtt-connect"
        thread.start()
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard let work = state.waiting.popFirst() else {
                state.threadCount -= 1
                return nil
            }
            return work
        }
    }
}
