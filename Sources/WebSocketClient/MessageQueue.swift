import Core
import NIOCore

/// A bounded queue of received messages between the event loop and the consumers.
///
/// It applies back-pressure: the event loop stops reading when ``offer(_:)`` returns false. `onDemand` is called once
/// the queue is at most half full again. There may be any number of consumers; each message goes to one of them.
final class MessageQueue: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: CheckedContinuation<WebSocketMessage?, any Error>
    }

    private struct State {
        var messages = CircularBuffer<WebSocketMessage>()
        var bytes = 0
        var waiters = CircularBuffer<Waiter>()
        var nextID: UInt64 = 0
        var isProducerStopped = false
        /// The result that ends the sequence once the queue is empty. Set once.
        var end: Result<Void, any Error>?
    }

    private let maxMessages: Int
    private let maxBytes: Int
    private let onDemand: @Sendable () -> Void
    private let state = Lock(State())

    init(maxMessages: Int, maxBytes: Int, onDemand: @escaping @Sendable () -> Void) {
        self.maxMessages = maxMessages
        self.maxBytes = maxBytes
        self.onDemand = onDemand
    }

    /// Hands `message` to a waiting consumer, or appends it.
    ///
    /// The message is always accepted, even when the queue is full. After ``finish(_:)`` it is dropped.
    ///
    /// - Returns: False when the queue is full; `onDemand` is then called when there is room again.
    func offer(_ message: WebSocketMessage) -> Bool {
        let (waiter, hasRoom) = state.withLock { state -> (Waiter?, Bool) in
            guard state.end == nil else { return (nil, true) }
            if let waiter = state.waiters.popFirst() { return (waiter, true) }
            state.messages.append(message)
            state.bytes += message.byteCount
            let hasRoom = state.messages.count < maxMessages && state.bytes < maxBytes
            if !hasRoom { state.isProducerStopped = true }
            return (nil, hasRoom)
        }
        waiter?.continuation.resume(returning: message)
        return hasRoom
    }

    /// Ends the sequence after the messages already queued. Only the first call has an effect.
    func finish(_ end: Result<Void, any Error>) {
        let waiters = state.withLock { state -> CircularBuffer<Waiter> in
            guard state.end == nil else { return [] }
            state.end = end
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(with: end.map { nil }) }
    }

    /// Returns the next message, or `nil` after the last.
    ///
    /// - Throws: The error passed to ``finish(_:)``, or `CancellationError`. Cancellation loses no message.
    func next() async throws -> WebSocketMessage? {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                take(Waiter(id: id, continuation: continuation))
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func take(_ waiter: Waiter) {
        enum Answer {
            case now(Result<WebSocketMessage?, any Error>, demand: Bool)
            case later
        }
        let answer = state.withLock { state -> Answer in
            if Task.isCancelled { return .now(.failure(CancellationError()), demand: false) }
            if let message = state.messages.popFirst() {
                state.bytes -= message.byteCount
                let demand =
                    state.isProducerStopped && state.messages.count <= maxMessages / 2 && state.bytes <= maxBytes / 2
                if demand { state.isProducerStopped = false }
                return .now(.success(message), demand: demand)
            }
            if let end = state.end { return .now(end.map { nil }, demand: false) }
            state.waiters.append(waiter)
            return .later
        }
        guard case .now(let result, let demand) = answer else { return }
        if demand { onDemand() }
        waiter.continuation.resume(with: result)
    }

    private func cancel(_ id: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(throwing: CancellationError())
    }
}
