/// A signal that wakes one waiting task from any thread. A wake-up without a waiting task is kept for the next wait.
package final class Wakeup: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Lock(State())
    private let sleep: @Sendable (Duration) async throws -> Void

    /// Creates a wake-up signal.
    ///
    /// - Parameter sleep: suspends for a duration. Must throw early when its task is cancelled.
    package init(
        sleep: @escaping @Sendable (Duration) async throws -> Void = {
            try await Task.sleep(for: $0, clock: .continuous)
        }
    ) {
        self.sleep = sleep
    }

    /// Wakes the waiting task or, if there is none, lets the next wait return at once. Never blocks.
    package func wake() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isPending = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    /// Waits until a wake-up, the end of `duration`, or the cancellation of the task. Only one task may wait at a time.
    ///
    /// The waking side must change the shared state before it calls ``wake()``. If the waiting task reads the state
    /// after each wait, it misses no change.
    ///
    /// - Parameter duration: the maximum wait; `nil` for no limit.
    package func wait(for duration: Duration?) async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                if let duration {
                    group.addTask {
                        try? await self.sleep(duration)
                        self.wake()
                    }
                }
                await withCheckedContinuation { continuation in
                    let isPending = state.withLock { state in
                        if !state.isPending { state.waiter = continuation }
                        return state.isPending
                    }
                    if isPending { continuation.resume() }
                }
                group.cancelAll()
            }
        } onCancel: {
            wake()
        }
        state.withLock { $0.isPending = false }
    }

    /// Waits until a wake-up, the given instant, or the cancellation of the task. `nil` sets no time limit.
    package func wait(until instant: ContinuousClock.Instant?) async {
        await wait(for: instant.map { max(.zero, $0 - .now) })
    }
}
