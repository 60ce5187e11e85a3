import Core
import DequeModule
import Dispatch
package import Logging
package import Realtime
package import Storage
package import Telemetry
package import Tracing

/// The one writer of the database: commits what waits in one transaction, publishes it, and then answers.
///
///     chat, notifications ──▶ bounded queue ──▶ one transaction ──▶ Hub.publish ──▶ completions
///     ingest ── commit, which waits ──▶ a transaction of its own, in between
///
/// Offsets are given out in the transaction, and what was committed is published before the next transaction begins: so
/// commit order is publish order, and nobody gets what could be lost. While one commit runs, requests pile up for the
/// next one (group commit).
package final class RoomWriter: Sendable {
    /// What a request does to the database: its result, and what the rooms are told once it is committed.
    package struct Effect<Value> {
        package var value: Value
        package var messages: [Message]

        package init(_ value: Value, messages: [Message] = []) {
            self.value = value
            self.messages = messages
        }
    }

    /// Requests that may wait; one more is refused as `overloaded`.
    package static let maxWaiting = 10_000
    /// Bytes of what they carry.
    package static let maxWaitingBytes = 32 << 20
    private static let maxPerTransaction = 256
    /// Bytes of requests in one transaction, unless one alone has more.
    private static let maxBytesPerTransaction = 512 << 10
    /// A transaction that takes longer is logged: nothing else is stored meanwhile.
    private static let slowTransaction = Duration.seconds(1)

    private struct Request: Sendable {
        let byteCount: Int
        /// The span that asks for it, if it is sampled.
        let trace: TraceContext?
        /// Does the work and keeps its result; returns what to publish.
        let perform: @Sendable (StorageTransaction) -> [Message]
        /// Answers with the result, or with the failure of the whole transaction.
        let finish: @Sendable (RequestError?) -> Void
    }

    private struct State {
        var waiting = Deque<Request>()
        var byteCount = 0
        var isScheduled = false
        var isClosed = false
    }

    private let database: Database
    /// What writing says of the storage.
    package let health: StorageHealth
    private let hub: Hub
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let logger: Logger
    private let queue = DispatchQueue(label: "windsock.rooms")
    private let state = Lock(State())

    /// A writer into `database` that publishes through `hub`; `tracer` makes the spans of sampled requests.
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

    /// Requests that wait now.
    package var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Does `work` in the next transaction, in the order of the calls. Its messages are published after the commit;
    /// `completion` is called after that, on the writer's thread, with the work's value or with what it threw.
    ///
    /// Does not wait; when too much waits already, `completion` is called at once with `overloaded`.
    ///
    /// - Parameter trace: the span that the request's `storage.commit` comes under.
    package func submit<Value: Sendable>(
        byteCount: Int,
        trace: TraceContext? = nil,
        _ work: @escaping @Sendable (StorageTransaction) throws -> Effect<Value>,
        completion: @escaping @Sendable (Result<Value, RequestError>) -> Void
    ) {
        let outcome = Outcome<Value>()
        let request = Request(
            byteCount: byteCount,
            trace: trace.flatMap { $0.isSampled ? $0 : nil },
            perform: { [health, logger] transaction in
                do {
                    let effect = try transaction.savepoint { try work(transaction) }
                    outcome.value = .success(effect.value)
                    return effect.messages
                } catch let error as RequestError {
                    outcome.value = .failure(error)
                } catch {
                    let failure = StorageFailure(error)
                    health.failed(failure)
                    // The storage's own failures are told once, when they begin.
                    logger.log(
                        level: failure.isStorageAtFault ? .debug : .error,
                        "A write failed", metadata: ["error": "\(error)"])
                    outcome.value = .failure(.storageFailed)
                }
                return []
            },
            finish: { failure in
                completion(failure.map(Result.failure) ?? outcome.value ?? .failure(.storageFailed))
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
            completion(.failure(RequestError(.overloaded, "Too many messages wait to be stored; try again later.")))
        }
    }

    /// The same for callers that can wait.
    package func submit<Value: Sendable>(
        byteCount: Int, trace: TraceContext? = nil,
        _ work: @escaping @Sendable (StorageTransaction) throws -> Effect<Value>
    ) async throws(RequestError) -> Value {
        let result = await withCheckedContinuation { continuation in
            submit(byteCount: byteCount, trace: trace, work) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Does `work` in a transaction of its own and publishes its messages, while the caller waits.
    ///
    /// For ingest, which may not go on before: it comes in between the transactions of those that wait in the queue, so
    /// that offsets are published in the order in which they were given out, whoever gave them. When it has written
    /// something, that ends the storage's trouble.
    ///
    /// - Parameters:
    ///   - finished: Called before any other transaction begins; false when nothing of it was committed.
    ///   - publish: Publishes what goes before the messages, such as the readings behind an alert. Called after the commit,
    ///     before any other transaction begins.
    /// - Throws: what made the transaction fail.
    package func commit<Value>(
        _ work: (StorageTransaction) throws -> Effect<Value>, finished: (_ isCommitted: Bool) -> Void = { _ in },
        publish: () -> Void = {}
    ) throws -> Value {
        try queue.sync {
            let began = ContinuousClock.now
            defer { note(since: began, requestCount: 1) }
            do {
                let (effect, hasChanged) = try database.write { transaction in
                    let before = transaction.changeCount
                    let effect = try work(transaction)
                    return (effect, transaction.changeCount > before)
                }
                if hasChanged { health.succeeded() }
                finished(true)
                publish()
                hub.publish(effect.messages)
                return effect.value
            } catch {
                health.failed(StorageFailure(error))
                finished(false)
                throw error
            }
        }
    }

    /// Writes as much as a batch would, and takes it back: ends the storage's trouble when there is room again.
    ///
    /// What waits in the queue does not end it: a nearly full disk takes a chat message between two batches that it
    /// refuses, and nobody should be told of both.
    package func probe() async {
        do {
            try await submit(byteCount: 64) { Effect(try $0.probe()) }
            health.succeeded()
            try await submit(byteCount: 64) { Effect(try $0.removeProbe()) }
        } catch {
            logger.debug("The storage does not work yet", metadata: ["error": "\(error)"])
        }
    }

    /// Takes nothing more, and returns when all that waited was written and answered.
    package func close() async {
        state.withLock { $0.isClosed = true }
        while state.withLock({ $0.isScheduled }) {
            await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
        }
    }

    /// Calls `body` once everything that is committed by now is published too.
    ///
    /// Whoever has read the database knows then that what it saw is in the shards' mailboxes, and that what comes there
    /// later it did not see. On the writer's thread; it waits for one transaction at most.
    func afterPublishing(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// One transaction; the next one is another turn of the queue, so that others get theirs between.
    private func drain() {
        guard let requests = takeNext() else { return }
        let began = ContinuousClock.now
        defer { note(since: began, requestCount: requests.count) }
        // Clients that cannot be served as fast as others write make the writer wait, and then refuse.
        hub.waitForRoom()
        let tracing = tracer.map {
            CommitTracing(requests.compactMap(\.trace), requestCount: requests.count, tracer: $0, at: clock.now())
        }
        do {
            let messages = try database.write { transaction in requests.flatMap { $0.perform(transaction) } }
            tracing?.finish(at: clock.now())
            hub.publish(messages)
            for request in requests { request.finish(nil) }
        } catch {
            let failure = StorageFailure(error)
            health.failed(failure)
            tracing?.finish(error, at: clock.now())
            // The storage's own failures are told once, when they begin.
            logger.log(
                level: failure.isStorageAtFault ? .debug : .error,
                "A transaction failed", metadata: ["requests": "\(requests.count)", "error": "\(error)"])
            for request in requests { request.finish(.storageFailed) }
        }
        queue.async { self.drain() }
    }

    /// Says when a transaction and its publishing kept all others waiting for long.
    private func note(since began: ContinuousClock.Instant, requestCount: Int) {
        let duration = ContinuousClock.now - began
        guard duration > Self.slowTransaction else { return }
        logger.warning(
            "A transaction took long, and others waited for it",
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

/// Carries a request's result from its transaction to its answer.
///
/// `@unchecked Sendable`: only the writer's serial queue touches it.
private final class Outcome<Value>: @unchecked Sendable {
    var value: Result<Value, RequestError>?
}
