import Core
import Dispatch

/// What wakes the scheduler's thread before the next device is due: a connection, acknowledgements, or the end.
final class SchedulerSignal: Sendable {
    private struct State {
        /// Devices to look at; no more than there are devices, because each is in it once.
        var devices: Set<Int> = []
        var isStopped = false
        var isSignalled = false
    }

    /// What happened since the last look.
    struct Events {
        var devices: Set<Int>
        var isStopped: Bool
    }

    private let state = Lock(State())
    private let semaphore = DispatchSemaphore(value: 0)

    /// Something about that device changed.
    func notify(_ device: Int) {
        signal { $0.devices.insert(device) }
    }

    /// The simulation is to end.
    func stop() {
        signal { $0.isStopped = true }
    }

    /// Blocks the calling thread until something happens or `instant` comes; for ever when that is `nil`.
    func wait(until instant: ContinuousClock.Instant?) -> Events {
        var wasWoken = true
        if let instant {
            let remaining = instant - .now
            // Even a wait of no time at all would cost the kernel's timer slack, some 50 µs.
            wasWoken = false
            if remaining > .zero {
                let end = DispatchTime.now() + .nanoseconds(Int((remaining / .nanoseconds(1)).rounded(.up)))
                wasWoken = semaphore.wait(timeout: end) == .success
            }
        } else {
            semaphore.wait()
        }
        let (events, isSignalled) = state.withLock { state in
            defer {
                state.devices = []
                state.isSignalled = false
            }
            return (Events(devices: state.devices, isStopped: state.isStopped), state.isSignalled)
        }
        // One signal of the semaphore for each look that finds something: it has come, or comes at once.
        if isSignalled, !wasWoken { semaphore.wait() }
        return events
    }

    private func signal(_ change: (inout State) -> Void) {
        let isFirst = state.withLock { state in
            change(&state)
            defer { state.isSignalled = true }
            return !state.isSignalled
        }
        if isFirst { semaphore.signal() }
    }
}
