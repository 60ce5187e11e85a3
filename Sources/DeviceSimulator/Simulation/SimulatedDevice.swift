import MQTTTransport
import Telemetry

/// A virtual device with its connection: does what the device says. Belongs to the scheduler's thread.
struct SimulatedDevice {
    /// What the scheduler does with the device next.
    enum Next: Equatable {
        case due(ContinuousClock.Instant)
        /// Nothing before the meter's signal.
        case waitsForSignal
        case finished
    }

    /// A device that is later than this goes on as if the time between had not been, instead of catching up.
    static let maximumLateness = Duration.seconds(1)

    /// Whether it does nothing before the meter's signal: it has no first connection yet, or the client takes no more.
    private(set) var isWaiting = true

    private var device: VirtualDevice
    private let client: MQTTClient
    private let meter: DeviceMeter
    private let tracing: DeviceTracing?
    /// When the device began, moved by the times in which it had to wait; `nil` before its first connection.
    private var origin: ContinuousClock.Instant?
    /// What the client did not take yet, and from where on.
    private var pending: [MQTTPublication] = []
    private var pendingStart = 0

    init(_ device: VirtualDevice, client: MQTTClient, meter: DeviceMeter, tracing: DeviceTracing?) {
        self.tracing = tracing
        self.device = device
        self.client = client
        self.meter = meter
    }

    /// Something about the connection changed: begins, or goes on, when the device can.
    mutating func resume(at now: ContinuousClock.Instant) -> Next {
        if origin == nil {
            guard meter.isConnected else { return .waitsForSignal }
            origin = now
        }
        return proceed(at: now)
    }

    /// Connects when messages still wait for it, although the device is to be offline now: the simulation is over.
    func finishDelivery() {
        if meter.drain(), !meter.isConnected { client.connect() }
    }

    /// Does the device's next step.
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

    /// Hands on what waits; false when the client takes no more for now.
    private mutating func publishPending() -> Bool {
        while pendingStart < pending.count {
            var publication = pending[pendingStart]
            let publishing = tracing?.begin(&publication, protocolLevel: client.state.protocolLevel)
            // Counted before it is sent, because the acknowledgement may be faster than this thread.
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
                    // Nothing that a later attempt would mend.
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
