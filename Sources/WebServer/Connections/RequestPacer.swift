import DequeModule
import NIOCore

/// A rate limiter for the HTTP requests of one event loop. Requests above the rate wait and begin in order of arrival.
///
/// A request costs about 60 µs even without a token. Without the limit, a hundred connections that send requests
/// nonstop would keep all cores busy, and readings would wait. Use it only on its event loop.
final class RequestPacer {
    /// The number of requests that may begin per ``tick``. This is far more than pages need, and takes a third of a
    /// core's time.
    private static let requestsPerTick = 5
    private static let tick = TimeAmount.milliseconds(1)

    private let eventLoop: any EventLoop
    private var tickStart: NIODeadline
    private var begunCount = 0
    private var waiting = Deque<() -> Void>()
    private var isScheduled = false

    init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        tickStart = eventLoop.now
    }

    /// Returns true, and counts the request, if it may begin now. Otherwise the caller must call ``enqueue(_:)``.
    func tryBegin() -> Bool {
        waiting.isEmpty && takeFromTick()
    }

    /// Calls `begin` on the event loop when the request may begin, after all that have waited longer.
    func enqueue(_ begin: @escaping () -> Void) {
        waiting.append(begin)
        scheduleDrain()
    }

    private func takeFromTick() -> Bool {
        let now = eventLoop.now
        if now - tickStart >= Self.tick {
            tickStart = now
            begunCount = 0
        }
        guard begunCount < Self.requestsPerTick else { return false }
        begunCount += 1
        return true
    }

    private func scheduleDrain() {
        guard !isScheduled, !waiting.isEmpty else { return }
        isScheduled = true
        let pacer = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(deadline: tickStart + Self.tick) { pacer.value.drain() }
    }

    private func drain() {
        isScheduled = false
        // Beginning a request may call back into this object.
        while !waiting.isEmpty, takeFromTick() { waiting.removeFirst()() }
        scheduleDrain()
    }
}

/// The request pacers of all event loops, one for each loop.
struct RequestPacers: Sendable {
    private let pacers: [ObjectIdentifier: NIOLoopBound<RequestPacer>]

    init(on loops: some Sequence<any EventLoop>) async throws {
        var pacers: [ObjectIdentifier: NIOLoopBound<RequestPacer>] = [:]
        for loop in loops {
            pacers[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(RequestPacer(on: loop), eventLoop: loop)
            }.get()
        }
        self.pacers = pacers
    }

    /// Returns the pacer of an event loop; `nil` for a loop of another group. Must be called on that loop.
    func pacer(of loop: any EventLoop) -> RequestPacer? { pacers[ObjectIdentifier(loop)]?.value }
}
