import Core
import MQTTTransport

/// A ``VirtualDevice`` with its MQTT connection. It publishes the device's messages, and connects and disconnects as
/// the device demands. Used on the scheduler's thread only.
struct SimulatedDevice {
    /// The scheduler's next action for the device.
    enum Next: Equatable {
        case due(ContinuousClock.Instant)
        /// Wait for a signal from the device's ``DeviceProgress``.
        case waitsForSignal
        case finished
    }

    /// The maximum delay that a device catches up on, by performing overdue steps at once. After a longer delay, all
    /// remaining steps are postponed by the delay.
    static let maximumLateness = Duration.seconds(1)

    /// True while the device waits for a signal from its ``DeviceProgress``, because it has not connected yet or the
    /// client's queue is full.
    private(set) var isWaiting = true

    private var device: VirtualDevice
    private let client: MQTTClient
    private let meter: DeviceProgress
    private let tracing: DeviceTracing?
    /// The instant from which due times are counted: the first connection, postponed by every delay that the device did
    /// not catch up on. `nil` before the first connection.
    private var origin: ContinuousClock.Instant?
    /// Publications that the client has not accepted yet, beginning at `pendingStart`.
    private var pending: [MQTTPublication] = []
    private var pendingStart = 0

    init(_ device: VirtualDevice, client: MQTTClient, meter: DeviceProgress, tracing: DeviceTracing?) {
        self.tracing = tracing
        self.device = device
        self.client = client
        self.meter = meter
    }

    /// Starts the device if it is connected, or continues it. Called after a signal from its ``DeviceProgress``.
    mutating func resume(at now: ContinuousClock.Instant) -> Next {
        if origin == nil {
            guard meter.isConnected else { return .waitsForSignal }
            origin = now
        }
        return proceed(at: now)
    }

    /// Requests a signal for the last acknowledgement, and reconnects a device that is offline with unacknowledged
    /// messages. Called at the end of the simulation.
    func finishDelivery() {
        if meter.drain(), !meter.isConnected { client.connect() }
    }

    /// Performs the device's next step.
    mutating func advance(at now: ContinuousClock.Instant, wallTime: Timestamp) -> Next {
        let step = device.advance(now: wallTime)
        switch step.connection {
        case .lost: client.dropConnection()
        case .restored: client.connect()
        case nil: break
        }
        meter.count { counters in
            counters.readings += step.readings
            counters.dropped += step.dropped
            counters.skipped += step.skipped
        }
        tracing?.clock.refresh()
        pending = step.publications
        pendingStart = 0
        return proceed(at: now)
    }

    private mutating func proceed(at now: ContinuousClock.Instant) -> Next {
        isWaiting = !publishPending()
        if isWaiting { return .waitsForSignal }
        guard let due = device.due, let origin else {
            meter.finish()
            return .finished
        }
        let lateness = now - (origin + due)
        guard lateness > Self.maximumLateness else { return .due(origin + due) }
        self.origin = origin + lateness
        return .due(now)
    }

    /// Publishes the pending messages. Returns false when the client's queue is full.
    private mutating func publishPending() -> Bool {
        while pendingStart < pending.count {
            var publication = pending[pendingStart]
            let publishing = tracing?.begin(&publication, protocolLevel: client.state.protocolLevel)
            // Count the message before publishing it, because the acknowledgement may overtake this thread.
            meter.count { counters in
                counters.messages += 1
                counters.payloadBytes += publication.payload.count
            }
            do throws(MQTTError) {
                try client.publish(publication) { [meter] succeeded in
                    publishing?.finish(succeeded)
                    meter.completed(succeeded)
                }
                pendingStart += 1
            } catch {
                guard case .outboundQueueFull = error else {
                    // A retry would not help.
                    publishing?.finish(false)
                    meter.completed(false)
                    pendingStart += 1
                    continue
                }
                meter.count { counters in
                    counters.messages -= 1
                    counters.payloadBytes -= publication.payload.count
                }
                if meter.wait() { return false }
            }
        }
        return true
    }
}

/// The counters and the connection state of one device. It signals the scheduler when a waiting device can continue.
/// Thread-safe: written by the scheduler's thread and the MQTT loop's.
final class DeviceProgress: Sendable {
    private struct State {
        var counters = DeviceCounters()
        var isConnected = false
        var isFinished = false
        var problem: String?
        /// True while the device waits for room in the client's queue.
        var isWaiting = false
        /// True while the simulation waits for the last acknowledgement.
        var isDraining = false
    }

    private let state = Lock(State())
    /// The device's index in ``SimulationScheduler``, which identifies it in signals.
    private let device: Int
    private let signal: SchedulerSignal
    /// The number of unacknowledged messages at which a waiting device continues. It is half of the client's limit, so
    /// that each wake-up allows several messages.
    private let resumeCount: Int

    init(device: Int, outboundLimit: Int, signal: SchedulerSignal) {
        self.device = device
        self.signal = signal
        resumeCount = outboundLimit / 2
    }

    var counters: DeviceCounters { state.withLock { $0.counters } }
    var isConnected: Bool { state.withLock { $0.isConnected } }
    var isFinished: Bool { state.withLock { $0.isFinished } }
    var problem: String? { state.withLock { $0.problem } }

    /// Changes the counters under the lock.
    func count(_ change: (inout DeviceCounters) -> Void) {
        state.withLock { change(&$0.counters) }
    }

    /// Marks that the device has sent all its messages.
    func finish() {
        state.withLock { $0.isFinished = true }
    }

    /// Records a change of the connection. Called on the MQTT loop's thread.
    func connectionChanged(to connection: MQTTConnectionState) {
        state.withLock { state in
            state.isConnected = connection.isConnected
            if case .waiting(let error) = connection { state.problem = "\(error)" }
            if connection.isConnected { state.problem = nil }
        }
        signal.notify(device)
    }

    /// Records that a message was acknowledged or dropped. Called on the MQTT loop's thread, and on the scheduler's for
    /// messages that the client rejects.
    func completed(_ succeeded: Bool) {
        let mustSignal = state.withLock { state in
            if succeeded { state.counters.acknowledged += 1 } else { state.counters.lost += 1 }
            let outstanding = state.counters.unacknowledged
            let hasRoom = state.isWaiting && outstanding <= resumeCount
            if hasRoom { state.isWaiting = false }
            return hasRoom || (state.isDraining && outstanding == 0)
        }
        if mustSignal { signal.notify(device) }
    }

    /// Requests a signal for the moment when no message is unacknowledged. Returns false if there is no such message
    /// now, so that no signal will follow.
    func drain() -> Bool {
        state.withLock { state in
            state.isDraining = true
            return state.counters.unacknowledged > 0
        }
    }

    /// Requests a signal for the moment when enough messages are acknowledged, after the client's queue was full.
    /// Returns false if enough are acknowledged already, so that no signal will follow.
    func wait() -> Bool {
        state.withLock { state in
            state.isWaiting = state.counters.unacknowledged > resumeCount
            return state.isWaiting
        }
    }
}
