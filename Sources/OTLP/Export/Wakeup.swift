import Core

/// Wakes one task that waits, from any thread. A wake-up that comes while nobody waits counts for the next wait.
package final class Wakeup: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Lock(State())
    private let sleep: @Sendable (Duration) async throws -> Void

    /// - Parameter sleep: ends early, by an error, when its task is cancelled.
    package init(
        sleep: @escaping @Sendable (Duration) async throws -> Void = {
            try await Task.sleep(for: $0, clock: .continuous)
        }
    ) {
        self.sleep = sleep
    }

    /// Cheap, never blocks.
    package func wake() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isPending = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    /// Waits for a wake-up, for as long as `duration` says, or for the task's cancellation; not to be called by two
    /// tasks at a time.
    ///
    /// Whoever wakes changes what there is to see first: the caller looks at it after the wait, and misses nothing.
    ///
    /// - Parameter duration: `nil` waits for a wake-up alone.
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

    /// The same until an instant; `nil` waits for a wake-up alone.
    func wait(until instant: ContinuousClock.Instant?) async {
        await wait(for: instant.map { max(.zero, $0 - .now) })
    }
}
