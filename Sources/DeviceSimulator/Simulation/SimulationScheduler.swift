import Telemetry

/// Decides which device is next and waits for it: the body of the simulation's one thread.
///
///     DueQueue ──▶ due? ──▶ SimulatedDevice.advance ──▶ client ──▶ broker
///         ▲                          │                               │
///         └──── next due ────────────┘      SchedulerSignal ◀── acknowledgements, connections
struct SimulationScheduler {
    /// How many steps are done before the signal is looked at again.
    private static let maximumStepCount = 256

    private var devices: [SimulatedDevice]
    private let meters: [DeviceMeter]
    private let signal: SchedulerSignal
    private let clock: any WallClock
    private var queue = DueQueue()
    private var finishedCount = 0

    init(devices: [SimulatedDevice], meters: [DeviceMeter], signal: SchedulerSignal, clock: any WallClock) {
        self.devices = devices
        self.meters = meters
        self.signal = signal
        self.clock = clock
    }

    /// Runs the devices until all are finished, `end` has come or the signal says stop; true for the last.
    mutating func run(until end: ContinuousClock.Instant?) -> Bool {
        while finishedCount < devices.count {
            let events = signal.wait(until: [queue.first?.due, end].compactMap(\.self).min())
            if events.isStopped { return true }
            let now = ContinuousClock.now
            if let end, now >= end { return false }
            for device in events.devices { resume(device, at: now) }
            // Devices that are due again at once take turns with what the signal says.
            var steps = 0
            while steps < Self.maximumStepCount, let entry = queue.popDue(at: now) {
                schedule(entry.device, devices[entry.device].advance(at: now, wallTime: clock.now()))
                steps += 1
            }
        }
        return false
    }

    /// Waits until nothing is unacknowledged, `end` has come, or the signal says stop.
    ///
    /// - Parameter ignoresStop: whether it waits although the simulation was told to stop.
    func drain(until end: ContinuousClock.Instant, ignoresStop: Bool) {
        for device in devices { device.finishDelivery() }
        while meters.contains(where: { $0.counters.unacknowledged > 0 }), ContinuousClock.now < end {
            let events = signal.wait(until: end)
            if events.isStopped, !ignoresStop { return }
        }
    }

    private mutating func resume(_ device: Int, at now: ContinuousClock.Instant) {
        // Only those that wait: the others are in the queue already.
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
