import Core
import MQTTTransport

/// The counters of one device, and whether it waits for acknowledgements. Written by the scheduler's thread and by the
/// MQTT loop's.
final class DeviceMeter: Sendable {
    private struct State {
        var counters = DeviceCounters()
        var isConnected = false
        var isFinished = false
        var problem: String?
        /// Whether the device waits for room in the client's queue.
        var isWaiting = false
        /// Whether the simulation waits for the last acknowledgement.
        var isDraining = false
    }

    private let state = Lock(State())
    /// The device's number, for the signal.
    private let device: Int
    private let signal: SchedulerSignal
    /// How many unacknowledged messages a waiting device goes on with: half of what may be out, so that a wake-up is
    /// worth its while.
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

    /// Changes the counters.
    func count(_ change: (inout DeviceCounters) -> Void) {
        state.withLock { change(&$0.counters) }
    }

    /// The device has sent all that it ever will.
    func finish() {
        state.withLock { $0.isFinished = true }
    }

    /// The connection changed; on the loop's thread.
    func connectionChanged(to connection: MQTTConnectionState) {
        state.withLock { state in
            state.isConnected = connection.isConnected
            if case .waiting(let error) = connection { state.problem = "\(error)" }
            if connection.isConnected { state.problem = nil }
        }
        signal.notify(device)
    }

    /// A message was acknowledged, or given up; on the loop's thread.
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

    /// From now on the signal comes when nothing is unacknowledged any more; false when that is so already.
    func drain() -> Bool {
        state.withLock { state in
            state.isDraining = true
            return state.counters.unacknowledged > 0
        }
    }

    /// The client takes no more; the signal comes when enough is acknowledged. False when that has happened already.
    func wait() -> Bool {
        state.withLock { state in
            state.isWaiting = state.counters.unacknowledged > resumeCount
            return state.isWaiting
        }
    }
}
