import DequeModule
import NIOCore

/// Lets the HTTP requests of one event loop begin at a bounded pace, in the order in which they came.
///
/// A request costs about 60 µs even without a token. A hundred connections that ask without end would keep all cores busy
/// with that, and readings would wait. Belongs to its loop.
final class RequestLine {
    /// Requests that begin in a ``tick``: far more than pages ask for, and a third of a core's time.
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

    /// Whether a request may begin now. One that may not calls ``wait(_:)``.
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
        // A request that begins may call back.
        while !waiting.isEmpty, take() { waiting.removeFirst()() }
        goOnLater()
    }
}

/// The line of each event loop.
struct RequestLines: Sendable {
    private let lines: [ObjectIdentifier: NIOLoopBound<RequestLine>]

    init(on loops: some Sequence<any EventLoop>) async throws {
        var lines: [ObjectIdentifier: NIOLoopBound<RequestLine>] = [:]
        for loop in loops {
            lines[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(RequestLine(on: loop), eventLoop: loop)
            }.get()
        }
        self.lines = lines
    }

    /// The line of that loop, on which it must be called; nil for a loop of another group.
    func line(of loop: any EventLoop) -> RequestLine? { lines[ObjectIdentifier(loop)]?.value }
}
