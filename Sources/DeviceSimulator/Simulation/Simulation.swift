import Core
import Foundation
package import Logging
package import MQTTTransport
import ServiceLifecycle
package import Telemetry
package import Tracing

/// Runs any number of virtual devices against a broker, each with a connection of its own.
///
///     profiles ─▶ VirtualDevice ─┐
///     profiles ─▶ VirtualDevice ─┼─▶ scheduler (one thread) ─▶ MQTTClient each ─▶ MQTTLoop (one thread) ─▶ broker
///     profiles ─▶ VirtualDevice ─┘
///
/// A device begins with its first connection. At QoS 1 a device whose messages the broker does not acknowledge waits
/// instead of losing them, and goes on from there.
package final class Simulation: Service {
    private let configuration: SimulationConfiguration
    private let names: [String]
    private let clients: [MQTTClient]
    private let meters: [DeviceMeter]
    private let devices: [SimulatedDevice]
    private let loop: MQTTLoop
    private let signal: SchedulerSignal
    private let clock: any WallClock
    private let logger: Logger
    private let times = Lock(Times())

    private struct Times {
        var start: ContinuousClock.Instant?
        var end: ContinuousClock.Instant?
    }

    /// A simulation that has not begun.
    ///
    /// - Parameters:
    ///   - tracer: makes the devices' spans, in the gateway's time; `nil` is no tracing, and nothing is spent on it.
    ///   - clock: what devices stamp their messages with.
    ///   - ids: makes the ends of client ids, so that two simulations of one file do not throw each other out.
    /// - Throws: ``MQTTError/invalidConfiguration(_:)``.
    package init(
        profiles: [DeviceProfile],
        configuration: SimulationConfiguration,
        tracer: (any Tracer)? = nil,
        clock: any WallClock = SystemWallClock(),
        ids: any IDGenerator = RandomIDGenerator(),
        logger: Logger
    ) throws(MQTTError) {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        let loop = MQTTLoop(name: "devices")
        let signal = SchedulerSignal()
        let report = ConnectionReport(logger: logger)
        var clients: [MQTTClient] = []
        var meters: [DeviceMeter] = []
        var devices: [SimulatedDevice] = []
        for device in profiles.flatMap({ $0.devices(messageLimit: configuration.messagesPerDevice) }) {
            var mqtt = Self.configuration(of: device, base: configuration.mqtt, ids: ids)
            let meter = DeviceMeter(device: devices.count, outboundLimit: mqtt.maxOutboundMessages, signal: signal)
            let name = device.name
            let tracing = tracer.flatMap { Self.tracing(of: device, $0, clientID: mqtt.clientID, clock: clock) }
            if let subscription = tracing?.clock.subscription { mqtt.subscriptions = [subscription] }
            let start = tracing.map { FirstConnection(clock: $0.clock) }
            let client = try MQTTClient(
                configuration: mqtt, handler: tracing?.clock, loop: loop, logger: report.clientLogger
            ) { state in
                report.connectionChanged(of: name, to: state)
                guard let start else { return meter.connectionChanged(to: state) }
                start.connectionChanged(to: state) { meter.connectionChanged(to: $0) }
            }
            start?.client = client
            clients.append(client)
            meters.append(meter)
            devices.append(SimulatedDevice(device, client: client, meter: meter, tracing: tracing))
        }
        self.loop = loop
        self.signal = signal
        self.clients = clients
        self.meters = meters
        self.devices = devices
        names = profiles.flatMap(\.deviceNames)
    }

    /// Runs the devices. Returns when all have sent what they ever will and it is acknowledged, when the duration is
    /// over, or when told to stop by cancellation or a graceful shutdown; then every connection is closed. To be called
    /// once.
    package func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withCheckedContinuation { continuation in
                let thread = Thread {
                    self.simulate()
                    continuation.resume()
                }
                thread.name = "simulation"
                thread.start()
            }
        } onCancelOrGracefulShutdown: {
            self.signal.stop()
        }
        for client in clients { await client.stop() }
        loop.stop()
        times.withLock { $0.end = .now }
        logger.info("Simulation ended", metadata: ["summary": "\(summary)"])
    }

    /// What was done so far. Thread-safe.
    package var statistics: SimulationStatistics {
        SimulationStatistics(
            elapsed: elapsed, deviceCount: meters.count, connectedCount: meters.count(where: \.isConnected),
            finishedCount: meters.count(where: \.isFinished), total: summary.total,
            connectionProblem: meters.lazy.compactMap(\.problem).first)
    }

    /// What each device did; final once ``run()`` has returned.
    package var summary: SimulationSummary {
        SimulationSummary(
            elapsed: elapsed,
            devices: zip(names, meters).map { SimulationSummary.Device(name: $0, counters: $1.counters) },
            connectionProblem: meters.lazy.compactMap(\.problem).first)
    }

    private var elapsed: Duration {
        times.withLock { times in times.start.map { (times.end ?? .now) - $0 } ?? .zero }
    }

    /// On the simulation's thread, from the first connection to the last acknowledgement.
    private func simulate() {
        let start = ContinuousClock.now
        times.withLock { $0.start = start }
        for client in clients { client.connect() }
        var scheduler = SimulationScheduler(devices: devices, meters: meters, signal: signal, clock: clock)
        let wasStopped = scheduler.run(until: configuration.duration.map { start + $0 })
        let timeout = wasStopped ? configuration.shutdownTimeout : configuration.drainTimeout
        scheduler.drain(until: .now + timeout, ignoresStop: wasStopped)
    }

    private static func tracing(
        of device: VirtualDevice, _ tracer: any Tracer, clientID: String, clock: any WallClock
    ) -> DeviceTracing? {
        DeviceID(device.name).map {
            DeviceTracing(
                tracer: tracer, clock: DeviceClock(device: $0, skew: device.clockOffset, clock: clock),
                device: device.name, clientID: clientID, template: device.profile.topic.description,
                hasJSONPayload: device.profile.format == .json)
        }
    }

    private static func configuration(
        of device: VirtualDevice, base: MQTTConfiguration, ids: any IDGenerator
    ) -> MQTTConfiguration {
        var mqtt = base
        mqtt.clientID = "\(device.name)-\(ids.next().prefix(8))"
        mqtt.subscriptions = []
        mqtt.sessionExpiry = .zero
        mqtt.lastWill = nil
        mqtt.birth = nil
        mqtt.farewell = nil
        if let status = device.profile.status {
            let topic = status.topic.topic(device: device.name)
            func publication(_ text: String) -> MQTTPublication {
                MQTTPublication(topic: topic, payload: Array(text.utf8), qos: .atLeastOnce, retain: status.retain)
            }
            mqtt.lastWill = publication(status.offline)
            mqtt.birth = publication(status.online)
            mqtt.farewell = publication(status.offline)
        }
        return mqtt
    }
}
