import ArgumentParser
import Core
import DeviceSimulator
import Foundation
import Gateway
import Logging
import MQTTTransport
import OTLP
import Observability
import ServiceLifecycle

/// The command `windsock simulate`, which runs simulated devices, to try a setup before the hardware is there.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run simulated devices from YAML files against a broker.",
        discussion: "Example: windsock simulate devices/fleet.yaml --mqtt-url mqtt://127.0.0.1:1883 --duration 12s")

    @Argument(help: "Device files; default: all files in devices/, or else the shipped examples.")
    var files: [String] = []

    @Option(name: .customLong("mqtt-url"), help: "The broker: mqtt://[user:pass@]host:1883 or mqtts://….")
    var mqttURL = "mqtt://127.0.0.1:1883"

    @Option(help: "Stop after this duration, such as 12s or 5m.")
    var duration: String?

    @Option(help: "Stop each device after this many messages.")
    var count: Int?

    @OptionGroup var export: ExportOptions

    @Flag(help: "Print only the summary, without the progress line.")
    var quiet = false

    func run() async throws {
        try await Exit.reporting {
            Signals.ignoreStrays()
            let paths = files.isEmpty ? try DeviceFiles.all() : files
            let otlp = try OTLPConfiguration(environment: export.environment, serviceName: "windsock-device")
            let pipeline = try OTLPPipeline(
                otlp, registry: MetricsRegistry(),
                logger: SettingsOptions.logger(level: .warning, label: OTLPLogHandler.ownLabel))
            // Without a collector nothing would receive the spans, so devices create none and do not synchronise
            // clocks.
            let tracer = pipeline.spans.map { spans in
                OTLPTracer(
                    resource: otlp.resource, sampler: otlp.sampler, processors: [spans], propagator: otlp.propagator,
                    limits: otlp.spanLimits)
            }
            let simulation = try Simulation(
                profiles: try DeviceProfile.load(paths), configuration: try simulationConfiguration(),
                tracer: tracer, logger: SettingsOptions.logger(level: .error))
            let rate = RateLine(simulation: simulation, isQuiet: quiet)
            let group = ServiceGroup(
                configuration: .serving(
                    [
                        .init(service: ExportService(pipeline: pipeline), successTerminationBehavior: .ignore),
                        .init(service: rate, successTerminationBehavior: .ignore),
                        .init(service: simulation, successTerminationBehavior: .gracefullyShutdownGroup),
                    ], endsWithTerminal: true, logger: SettingsOptions.logger(level: .error)))
            try await group.run()
            let summary = simulation.summary
            Console.print("\(summary)")
            if let problem = summary.connectionProblem { throw Unavailable(description: problem) }
        }
    }

    private func simulationConfiguration() throws -> SimulationConfiguration {
        var configuration = SimulationConfiguration(mqtt: try MQTTConfiguration(url: mqttURL, clientID: "devices"))
        if let duration {
            guard let value = DurationText.parse(duration), value > .zero else {
                throw ConfigurationError(
                    origin: "--duration",
                    problem: "\"\(duration)\" is not a valid duration; expected one such as 12s, 5m or 1h")
            }
            configuration.duration = value
        }
        if let count {
            guard count > 0 else {
                throw ConfigurationError(origin: "--count", problem: "\(count) is not valid; allowed: at least 1")
            }
            configuration.messagesPerDevice = count
        }
        return configuration
    }
}

/// A service that prints the simulation's message rate once a second.
struct RateLine: Service {
    let simulation: Simulation
    let isQuiet: Bool

    func run() async throws {
        guard !isQuiet else { return }
        await cancelWhenGracefulShutdown {
            var earlier = simulation.statistics
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                let now = simulation.statistics
                Console.progress(Self.line(now, since: earlier))
                earlier = now
            }
        }
        Console.endProgress()
    }

    private static func line(_ now: SimulationStatistics, since earlier: SimulationStatistics) -> String {
        let rate = Int(now.messagesPerSecond(since: earlier).rounded())
        let problem = now.connectionProblem.map { "  \($0)" } ?? ""
        return "\(now.connectedCount) of \(now.deviceCount) devices connected, \(rate) messages/s, "
            + "\(now.total.messages) sent, \(now.total.acknowledged) acknowledged\(problem)"
    }
}

/// The device files of a folder.
enum DeviceFiles {
    /// The name of the folder in the working directory, or among the shipped files.
    static let folderName = "devices"

    /// Returns all device files in `folder`, sorted by name. Without a folder, those of the first folder with device
    /// files. Throws when there is none.
    static func all(in folder: String? = nil) throws(Unavailable) -> [String] {
        let folder = if let folder { folder } else { try ShippedFiles.standard.folder(folderName) }
        guard let paths = try? DeviceProfile.files(in: folder) else {
            throw Unavailable(description: "No device files found in \(folder)/.")
        }
        return paths
    }
}
