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

    /// Returns true, and counts the request, if it may begin now. Otherwise the caller must call ``wait(_:)``.
    func mayBegin() -> Bool {
        waiting.isEmpty && take()
    }

    /// Calls `begin` on the event loop when the request may begin, after all that have waited longer.
    func wait(_ begin: @escaping () -> Void) {
        waiting.append(begin)
        goOnLater()
    }

    private func take() -> Bool {
        let now = eventLoop.now
        if now - tickStart >= Self.tick {
            tickStart = now
            begunCount = 0
        }
        guard begunCount < Self.requestsPerTick else { return false }
        begunCount += 1
        return true
    }

    private func goOnLater() {
        guard !isScheduled, !waiting.isEmpty else { return }
        isScheduled = true
        let line = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(deadline: tickStart + Self.tick) { line.value.goOn() }
    }

    private func goOn() {
        isScheduled = false
        // Beginning a request may call back into this object.
        while !waiting.isEmpty, take() { waiting.removeFirst()() }
        goOnLater()
    }
}

/// The request pacers of all event loops, one for each loop.
struct RequestPacers: Sendable {
    private let lines: [ObjectIdentifier: NIOLoopBound<RequestPacer>]

    init(on loops: some Sequence<any EventLoop>) async throws {
        var lines: [ObjectIdentifier: NIOLoopBound<RequestPacer>] = [:]
        for loop in loops {
            lines[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(RequestPacer(on: loop), eventLoop: loop)
            }.get()
        }
        self.lines = lines
    }

    /// Returns the pacer of an event loop; `nil` for a loop of another group. Must be called on that loop.
    func line(of loop: any EventLoop) -> RequestPacer? { lines[ObjectIdentifier(loop)]?.value }
}
