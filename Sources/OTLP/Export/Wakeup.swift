import Synchronization

/// Wakes one task that waits, from any thread. A wake-up that comes while nobody waits counts for the next wait.
final class Wakeup: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Cheap, never blocks.
    func wake() {
        let waiter = state.withLock { state in
            guard let waiter = state.waiter else {
                state.isPending = true
                return nil as CheckedContinuation<Void, Never>?
            }
            state.waiter = nil
            return waiter
        }
        waiter?.resume()
    }

    /// Waits for a wake-up, for `instant`, or for the task's cancellation; not to be called by two tasks at a time.
    ///
    /// Whoever wakes changes what there is to see first: the caller looks at it after the wait, and misses nothing.
    func wait(until instant: ContinuousClock.Instant?) async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                if let instant {
                    group.addTask {
                        try? await Task.sleep(until: instant, clock: .continuous)
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
}
