package import Core
import DequeModule
import Dispatch
package import Logging
package import Realtime
package import Storage
import Telemetry
package import Tracing

/// The only writer of the database: commits waiting requests in one transaction, publishes their messages, then
/// completes the requests.
///
///     chat, notifications ──▶ bounded queue ──▶ one transaction ──▶ Hub.publish ──▶ completions
///     ingest ── commit, which waits ──▶ a transaction of its own, in between
///
/// Offsets are assigned in the transaction, and its messages are published before the next transaction begins. Commit
/// order is therefore publish order, and nobody receives a message that could still be lost. Requests that arrive
/// during a commit are batched into the next one (group commit).
package final class DatabaseWriter: Sendable {
    /// The result of a request, and the messages to publish once it is committed.
    package struct Effect<Value> {
        package var value: Value
        package var messages: [Message]

        package init(_ value: Value, messages: [Message] = []) {
            self.value = value
            self.messages = messages
        }
    }

    /// The most requests that may wait. Further ones are refused as `overloaded`.
    package static let maxWaiting = 10_000
    /// The most bytes in waiting requests.
    package static let maxWaitingBytes = 32 << 20
    private static let maxPerTransaction = 256
    /// The most bytes of requests per transaction. A larger request gets a transaction of its own.
    private static let maxBytesPerTransaction = 512 << 10
    /// The duration above which a transaction is logged, because it blocks all other writes.
    private static let slowTransaction = Duration.seconds(1)

    private struct Request: Sendable {
        let byteCount: Int
        /// The requesting span, if it is sampled.
        let trace: TraceContext?
        /// A function that does the work, keeps its result, and returns the messages to publish.
        let perform: @Sendable (StorageTransaction) -> [Message]
        /// A function that completes the request with its result, or with the failure of the whole transaction.
        let finish: @Sendable (RequestError?) -> Void
    }

    private struct State {
        var waiting = Deque<Request>()
        var byteCount = 0
        var isScheduled = false
        var isClosed = false
    }

    private let database: Database
    /// The health of the storage, updated by every write.
    package let health: StorageHealth
    private let hub: Hub
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let logger: Logger
    private let queue = DispatchQueue(label: "windsock.rooms")
    private let state = Lock(State())

    /// Creates a writer to `database` that publishes through `hub`. `tracer` makes the spans of sampled requests.
    package init(
        database: Database, hub: Hub, tracer: (any Tracer)? = nil, clock: any WallClock = SystemWallClock(),
        logger: Logger
    ) {
        self.database = database
        self.hub = hub
        self.tracer = tracer
        self.clock = clock
        self.logger = logger
        health = StorageHealth(clock: clock, logger: logger)
        database.observeReadFailures { [health] in health.readFailed($0) }
    }

    /// The number of waiting requests.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Runs `work` in the next transaction, in the order of the calls. Its messages are published after the commit.
    /// `completion` is called after that, on the writer's thread, with the value of `work` or the error it threw.
    ///
    /// Does not block. When the queue is full or closed, `completion` is called at once, on the calling thread, with
    /// `overloaded`.
    ///
    /// - Parameter trace: The parent of the request's span `storage.commit`.
    package func submit<Value: Sendable>(
        byteCount: Int,
        trace: TraceContext? = nil,
        _ work: @escaping @Sendable (StorageTransaction) throws -> Effect<Value>,
        completion: @escaping @Sendable (Result<Value, RequestError>) -> Void
    ) {
        let box = ResultBox<Value>()
        let request = Request(
            byteCount: byteCount,
            trace: trace.flatMap { $0.isSampled ? $0 : nil },
            perform: { [health, logger] transaction in
                do {
                    let effect = try transaction.savepoint { try work(transaction) }
                    box.value = .success(effect.value)
                    return effect.messages
                } catch let error as RequestError {
                    box.value = .failure(error)
                } catch {
                    let failure = StorageError(error)
                    health.failed(failure)
                    // Failures of the storage itself are logged once, by `health`.
                    logger.log(
                        level: failure.isStorageAtFault ? .debug : .error,
                        "A write failed", metadata: ["error": "\(error)"])
                    box.value = .failure(.storageFailed)
                }
                return []
            },
            finish: { failure in
                completion(failure.map(Result.failure) ?? box.value ?? .failure(.storageFailed))
            })
        let isRefused = state.withLock { state in
            guard !state.isClosed, state.waiting.count < Self.maxWaiting,
                state.byteCount + byteCount <= Self.maxWaitingBytes
            else {
                return true
            }
            state.waiting.append(request)
            state.byteCount += byteCount
            guard !state.isScheduled else { return false }
            state.isScheduled = true
            queue.async { self.drain() }
            return false
        }
        if isRefused {
            completion(.failure(RequestError(.overloaded, "Too many messages are queued for storage; retry later.")))
        }
    }

    /// Runs `work` in the next transaction and waits until its messages are published.
    package func submit<Value: Sendable>(
        byteCount: Int, trace: TraceContext? = nil,
        _ work: @escaping @Sendable (StorageTransaction) throws -> Effect<Value>
    ) async throws(RequestError) -> Value {
        let result = await withCheckedContinuation { continuation in
            submit(byteCount: byteCount, trace: trace, work) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Runs `work` in a transaction of its own and publishes its messages. Blocks the calling thread until then.
    ///
    /// Ingest uses it, because it must not continue before the commit. The transaction runs between two transactions of
    /// queued requests. Messages are therefore published in the order of their offsets, whichever way they were
    /// written. A commit that changed something marks the storage as healthy again.
    ///
    /// - Parameter publish: Publishes whatever must precede the messages, such as the readings behind an alert. Called
    ///   after the commit, before any other transaction begins.
    /// - Throws: The error that made the transaction fail.
    package func commit<Value>(
        _ work: (StorageTransaction) throws -> Effect<Value>, publish: () -> Void = {}
    ) throws -> Value {
        try queue.sync {
            let began = ContinuousClock.now
            defer { logIfSlow(since: began, requestCount: 1) }
            do {
                let (effect, hasChanged) = try database.write { transaction in
                    let before = transaction.changeCount
                    let effect = try work(transaction)
                    return (effect, transaction.changeCount > before)
                }
                if hasChanged { health.succeeded() }
                publish()
                hub.publish(effect.messages)
                return effect.value
            } catch {
                health.failed(StorageError(error))
                throw error
            }
        }
    }

    /// Tests whether the storage has enough space: writes about as many bytes as an ingest batch, then deletes them.
    /// Marks the storage as healthy if the write succeeds.
    ///
    /// A successful call of ``submit(byteCount:trace:_:completion:)`` does not mark the storage as healthy: a nearly
    /// full disk may accept a chat message between two ingest batches that it rejects, and the health would flap.
    package func probe() async {
        do {
            try await submit(byteCount: 64) { Effect(try $0.probe()) }
            health.succeeded()
            try await submit(byteCount: 64) { Effect(try $0.removeProbe()) }
        } catch {
            logger.debug("The storage is still unavailable", metadata: ["error": "\(error)"])
        }
    }

    /// Closes the queue, and returns once all waiting requests are committed and completed.
    package func close() async {
        state.withLock { $0.isClosed = true }
        while state.withLock({ $0.isScheduled }) {
            await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
        }
    }

    /// Calls `body` on the writer's thread once everything committed so far is also published. Waits for one
    /// transaction at most.
    ///
    /// After a database read, this guarantees that everything the read saw is in the mailboxes of the hub's shards, and
    /// that whatever arrives in them later is newer than the read.
    func afterPublishing(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Commits one transaction. The next one is a separate job on the queue, so that a transaction of ingest can run in
    /// between.
    private func drain() {
        guard let requests = takeNext() else { return }
        let began = ContinuousClock.now
        defer { logIfSlow(since: began, requestCount: requests.count) }
        // Back-pressure: when clients are slower than writers, the queue fills up and requests are refused.
        hub.waitForCapacity()
        let tracing = tracer.map {
            CommitTracing(requests.compactMap(\.trace), requestCount: requests.count, tracer: $0, at: clock.now())
        }
        do {
            let messages = try database.write { transaction in requests.flatMap { $0.perform(transaction) } }
            tracing?.finish(at: clock.now())
            hub.publish(messages)
            for request in requests { request.finish(nil) }
        } catch {
            let failure = StorageError(error)
            health.failed(failure)
            tracing?.finish(error, at: clock.now())
            // Failures of the storage itself are logged once, by `health`.
            logger.log(
                level: failure.isStorageAtFault ? .debug : .error,
                "A transaction failed", metadata: ["requests": "\(requests.count)", "error": "\(error)"])
            for request in requests { request.finish(.storageFailed) }
        }
        queue.async { self.drain() }
    }

    /// Logs a transaction that, together with its publishing, blocked all others for long.
    private func logIfSlow(since began: ContinuousClock.Instant, requestCount: Int) {
        let duration = ContinuousClock.now - began
        guard duration > Self.slowTransaction else { return }
        logger.warning(
            "A slow transaction delayed other writes",
            metadata: ["ms": "\(Int(duration / .milliseconds(1)))", "requests": "\(requestCount)"])
    }

    private func takeNext() -> [Request]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isScheduled = false
                return nil
            }
            var requests: [Request] = []
            var byteCount = 0
            while requests.count < Self.maxPerTransaction, let next = state.waiting.first,
                requests.isEmpty || byteCount + next.byteCount <= Self.maxBytesPerTransaction
            {
                requests.append(next)
                byteCount += next.byteCount
                state.waiting.removeFirst()
            }
            state.byteCount -= byteCount
            return requests
        }
    }
}

/// A box that carries a request's result from its transaction to its completion.
///
/// `@unchecked Sendable`: only the writer's serial queue accesses it.
private final class ResultBox<Value>: @unchecked Sendable {
    var value: Result<Value, RequestError>?
}
