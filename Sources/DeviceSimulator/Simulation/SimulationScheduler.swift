import Core
import Dispatch

/// The event loop of the simulation's thread. It waits until the next device is due and performs that device's step.
///
///     DueQueue ──▶ due? ──▶ SimulatedDevice.advance ──▶ client ──▶ broker
///         ▲                          │                               │
///         └──── next due ────────────┘      SchedulerSignal ◀── acknowledgements, connections
struct SimulationScheduler {
    /// The maximum number of steps between two checks of the ``SchedulerSignal``.
    private static let maximumStepCount = 256

    private var devices: [SimulatedDevice]
    private let meters: [DeviceProgress]
    private let signal: SchedulerSignal
    private let clock: any WallClock
    private var queue = DueQueue()
    private var finishedCount = 0

    init(devices: [SimulatedDevice], meters: [DeviceProgress], signal: SchedulerSignal, clock: any WallClock) {
        self.devices = devices
        self.meters = meters
        self.signal = signal
        self.clock = clock
    }

    /// Runs the devices until all have finished, `end` is reached, or a stop is requested. Returns true if it was a
    /// stop.
    mutating func run(until end: ContinuousClock.Instant?) -> Bool {
        while finishedCount < devices.count {
            let events = signal.wait(until: [queue.first?.due, end].compactMap(\.self).min())
            if events.isStopped { return true }
            let now = ContinuousClock.now
            if let end, now >= end { return false }
            for device in events.devices { resume(device, at: now) }
            // Without a limit, devices that are always due at once, as in an unpaced replay, would keep signals from
            // being handled.
            var steps = 0
            while steps < Self.maximumStepCount, let entry = queue.popDue(at: now) {
                schedule(entry.device, devices[entry.device].advance(at: now, wallTime: clock.now()))
                steps += 1
            }
        }
        return false
    }

    /// Waits until no message is unacknowledged, `end` is reached, or a stop is requested.
    ///
    /// - Parameter ignoresStop: True to keep waiting although a stop was requested.
    func drain(until end: ContinuousClock.Instant, ignoresStop: Bool) {
        for device in devices { device.finishDelivery() }
        while meters.contains(where: { $0.counters.unacknowledged > 0 }), ContinuousClock.now < end {
            let events = signal.wait(until: end)
            if events.isStopped, !ignoresStop { return }
        }
    }

    private mutating func resume(_ device: Int, at now: ContinuousClock.Instant) {
        // Resume only waiting devices, because the others are already in the queue.
        guard devices[device].isWaiting else { return }
        schedule(device, devices[device].resume(at: now))
    }

    private mutating func schedule(_ device: Int, _ next: SimulatedDevice.Next) {
        switch next {
        case .due(let instant): queue.insert(DueQueue.Entry(due: instant, device: device))
        case .waitsForSignal: break
        case .finished: finishedCount += 1
        }
    }
}

/// A priority queue of devices by due time, implemented as a binary heap.
struct DueQueue {
    struct Entry {
        var due: ContinuousClock.Instant
        var device: Int
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].due < entries[parent].due else { return }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Removes and returns the earliest entry if it is due at `now`.
    mutating func popDue(at now: ContinuousClock.Instant) -> Entry? {
        guard let first = entries.first, first.due <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                if entries[child].due < entries[least].due { least = child }
            }
            if least == index { return first }
            entries.swapAt(index, least)
            index = least
        }
    }
}

/// A signal that wakes the scheduler before the next due time: for a change of a device's connection, for
/// acknowledgements, or to stop the simulation.
final class SchedulerSignal: Sendable {
    private struct State {
        /// The indices of the devices that were passed to ``notify(_:)``. Bounded by the number of devices, because
        /// each occurs only once.
        var devices: Set<Int> = []
        var isStopped = false
        var isSignalled = false
    }

    /// The events since the last wait.
    struct Events {
        var devices: Set<Int>
        var isStopped: Bool
    }

    private let state = Lock(State())
    private let semaphore = DispatchSemaphore(value: 0)

    /// Reports that a device's connection changed or that enough of its messages were acknowledged.
    func notify(_ device: Int) {
        signal { $0.devices.insert(device) }
    }

    /// Requests the end of the simulation.
    func stop() {
        signal { $0.isStopped = true }
    }

    /// Blocks the calling thread until an event arrives or `instant` is reached; `nil` means no time limit.
    func wait(until instant: ContinuousClock.Instant?) -> Events {
        var wasWoken = true
        if let instant {
            let remaining = instant - .now
            // Skip the semaphore if the instant has passed: even a zero-length wait costs the kernel's timer slack,
            // about 50 µs.
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
        // All events between two waits share one signal of the semaphore. If this wait timed out but found events,
        // consume their signal now; otherwise it would end the next wait at once. It has arrived or is about to.
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
