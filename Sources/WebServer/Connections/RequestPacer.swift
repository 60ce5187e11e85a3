import DequeModule
import NIOCore

/// Paces the HTTP requests of one event loop in first-in, first-out order.
///
/// A request costs about 60 µs even without a token. A hundred connections that send requests nonstop would keep all
/// cores busy, and readings would wait. Belongs to its event loop.
final class RequestPacer {
    /// Requests that may begin per ``tick``: far more than pages need, and a third of a core's time.
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

    /// Returns true when a request may begin now. Otherwise the caller must call ``wait(_:)``.
    func mayBegin() -> Bool {
        waiting.isEmpty && take()
    }

    /// Calls `begin` on the loop when it is the request's turn.
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

/// The request lines of all event loops.
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

    /// Returns the line of a loop, on which this must be called; nil for a loop of another group.
    func line(of loop: any EventLoop) -> RequestPacer? { lines[ObjectIdentifier(loop)]?.value }
}
