package import Core
import Foundation
package import Logging
package import MQTTTransport
import ServiceLifecycle
import Telemetry
package import Tracing

/// A simulation of any number of virtual devices against a broker, each with its own connection.
///
///     profiles ─▶ VirtualDevice ─┐
///     profiles ─▶ VirtualDevice ─┼─▶ scheduler (one thread) ─▶ MQTTClient each ─▶ MQTTLoop (one thread) ─▶ broker
///     profiles ─▶ VirtualDevice ─┘
///
/// A device starts with its first connection. At QoS 1, it pauses while its client's queue of unacknowledged messages
/// is full. No message is lost, and the device continues where it paused.
package final class Simulation: Service {
    private let configuration: SimulationConfiguration
    private let names: [String]
    private let clients: [MQTTClient]
    private let meters: [DeviceProgress]
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

    /// Creates a simulation without starting it.
    ///
    /// - Parameters:
    ///   - tracer: Creates the devices' spans, with times corrected to the gateway's clock. `nil` disables tracing and
    ///     clock synchronisation.
    ///   - clock: The source of the messages' timestamps.
    ///   - ids: Generates the suffixes of client ids, so that two simulations of one file do not take over each other's
    ///     sessions.
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
        var meters: [DeviceProgress] = []
        var devices: [SimulatedDevice] = []
        for device in profiles.flatMap({ $0.devices(messageLimit: configuration.messagesPerDevice) }) {
            var mqtt = Self.configuration(of: device, base: configuration.mqtt, ids: ids)
            let meter = DeviceProgress(device: devices.count, outboundLimit: mqtt.maxOutboundMessages, signal: signal)
            let name = device.name
            let tracing = tracer.flatMap { Self.tracing(of: device, $0, clientID: mqtt.clientID, clock: clock) }
            if let subscription = tracing?.clock.subscription { mqtt.subscriptions = [subscription] }
            let start = tracing.map { ClockSyncGate(clock: $0.clock) }
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

    /// Runs the devices, then closes every connection. Call it once.
    ///
    /// The devices run until all have sent their messages and these are acknowledged, until the duration is over, or
    /// until cancellation or a graceful shutdown.
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

    /// The current counts of connected and finished devices and of messages. Thread-safe.
    package var statistics: SimulationStatistics {
        SimulationStatistics(
            elapsed: elapsed, deviceCount: meters.count, connectedCount: meters.count(where: \.isConnected),
            finishedCount: meters.count(where: \.isFinished), total: summary.total,
            connectionProblem: meters.lazy.compactMap(\.problem).first)
    }

    /// The results per device; final once ``run()`` has returned.
    package var summary: SimulationSummary {
        SimulationSummary(
            elapsed: elapsed,
            devices: zip(names, meters).map { SimulationSummary.Device(name: $0, counters: $1.counters) },
            connectionProblem: meters.lazy.compactMap(\.problem).first)
    }

    private var elapsed: Duration {
        times.withLock { times in times.start.map { (times.end ?? .now) - $0 } ?? .zero }
    }

    /// Runs the simulation on its own thread, from the first connection to the last acknowledgement.
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
                tracer: tracer, clock: ClockSyncClient(device: $0, skew: device.clockOffset, clock: clock),
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

/// The broker, duration and limits of a simulation.
package struct SimulationConfiguration: Sendable {
    /// The broker settings of every device. Each device sets its own client id, subscriptions and birth, farewell and
    /// last-will messages, and its session ends with the connection.
    package var mqtt: MQTTConfiguration
    /// The duration after which all devices stop. With `nil`, the simulation ends when every device has finished, which
    /// may be never.
    package var duration: Duration?
    /// The number of messages after which each device stops; unlimited when `nil`.
    package var messagesPerDevice: Int?
    /// The maximum wait for acknowledgements after all devices have finished or the duration is over.
    package var drainTimeout: Duration
    /// The maximum wait for acknowledgements after a graceful shutdown or cancellation.
    package var shutdownTimeout: Duration

    package init(
        mqtt: MQTTConfiguration, duration: Duration? = nil, messagesPerDevice: Int? = nil,
        drainTimeout: Duration = .seconds(10), shutdownTimeout: Duration = .seconds(1)
    ) {
        self.mqtt = mqtt
        self.duration = duration
        self.messagesPerDevice = messagesPerDevice
        self.drainTimeout = drainTimeout
        self.shutdownTimeout = shutdownTimeout
    }
}

/// A log of connection failures: one line when the first device fails, and one when all are connected again. One line
/// per device would flood the log while the broker is unreachable.
final class ConnectionReport: Sendable {
    private let logger: Logger
    /// The devices whose last attempt to connect failed. Bounded by the number of devices.
    private let troubled = Lock<Set<String>>([])

    init(logger: Logger) {
        self.logger = logger
    }

    /// The logger for the devices' clients. It logs only errors, unless the log level is debug or trace.
    var clientLogger: Logger {
        var logger = logger
        if logger.logLevel > .debug { logger.logLevel = .error }
        return logger
    }

    /// Records a change of a device's connection. Called on the MQTT loop's thread.
    func connectionChanged(of device: String, to state: MQTTConnectionState) {
        switch state {
        case .waiting(let error):
            let isFirst = troubled.withLock { troubled in
                troubled.insert(device).inserted && troubled.count == 1
            }
            if isFirst {
                logger.warning(
                    "Devices cannot connect to the broker and will retry",
                    metadata: ["device": "\(device)", "error": "\(error)"])
            }
        case .connected:
            let isLast = troubled.withLock { $0.remove(device) != nil && $0.isEmpty }
            if isLast { logger.info("All devices are connected to the broker again") }
        default: return
        }
    }
}
