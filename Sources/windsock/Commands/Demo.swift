import ArgumentParser
import Core
import DeviceSimulator
import Foundation
import Gateway
import Logging
import MQTTTransport
import ServiceLifecycle
import Telemetry
import WebServer

/// The command `windsock demo`, which runs a broker, the gateway and every device of `devices/`, and prints one URL to
/// open.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a private broker, the gateway and all simulated devices.")

    /// The validity of the token in the printed URL.
    private static let tokenLifetime = Duration.seconds(7 * 86_400)

    @Option(
        name: .customLong("devices-dir"),
        help: "Folder with the device files; default: devices, or else the shipped examples.")
    var devicesDirectory: String?

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        try await Exit.reporting {
            Signals.ignoreStrays()
            Allocator.configure()
            let profiles = try DeviceProfile.load(try DeviceFiles.all(in: devicesDirectory))
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
                "windsock-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: directory) }
            try await run(profiles, dataDirectory: directory.path)
        }
    }

    private func run(_ profiles: [DeviceProfile], dataDirectory: String) async throws {
        var sources = try settings.sources()
        let brings = sources.flags["mqtt.url"] != nil
        let logger = SettingsOptions.logger(level: Logger.Level(rawValue: settings.logLevel ?? "") ?? .warning)
        Console.error("Starting \(brings ? "" : "a private mosquitto, ")the gateway and the devices …")
        let broker = brings ? nil : try await PrivateBroker()
        if let broker { sources.flags["mqtt.url"] = "mqtt://127.0.0.1:\(broker.port)" }
        do {
            let services = try await services(sources, profiles, dataDirectory: dataDirectory, broker, logger)
            try await Serve.run(
                ServiceGroup(configuration: .serving(services, endsWithTerminal: true, logger: logger)),
                listen: "the demo's port")
        } catch {
            broker?.stop()
            throw error
        }
        Console.error("Stopped.")
    }

    /// Returns the services in order of dependency. They stop in reverse order.
    private func services(
        _ sources: GatewayConfiguration.Sources, _ profiles: [DeviceProfile], dataDirectory: String,
        _ broker: PrivateBroker?, _ logger: Logger
    ) async throws -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var sources = sources
        sources.flags["data_dir"] = dataDirectory
        // The demo traces every reading.
        if sources.flags["tracing.traces_per_second"] == nil { sources.flags["tracing.traces_per_second"] = "1000" }
        // The example rules are armed only here: `serve` must not raise alerts that its user did not write.
        if let alerts = try? ShippedFiles.standard.folder("alerts") { sources.setDefault("alerts_dir", to: alerts) }
        var configuration = try GatewayConfiguration(sources)
        // With a secret of the user's, `windsock token` makes tokens for the demo.
        let secret = configuration.jwtSecret ?? RandomIDGenerator().next() + RandomIDGenerator().next()
        if configuration.jwtSecret == nil {
            sources.flags["jwt.secret"] = secret
            configuration = try GatewayConfiguration(sources)
        }
        if configuration.discovery?.mode == .auto { configuration.discovery?.mode = .on }
        configuration.server.port = try LoopbackPort.next(from: configuration.server.port)
        let grants = try TokenGrants(role: .admin, telemetryRoots: configuration.routes.telemetryRoots)
        let token = try TokenAuthority(secret: secret).issue(
            user: "demo", join: grants.join, publish: grants.publish, notify: grants.canNotify, share: grants.canShare,
            lifetime: Self.tokenLifetime)
        try DemoPast(profiles: profiles, configuration: configuration).store(until: SystemWallClock().now())
        let deviceCount = profiles.reduce(0) { $0 + $1.deviceNames.count }
        let gateway = try await Gateway(configuration: configuration, sources: sources, logger: logger) { endpoint in
            Console.print(
                """

                  Windsock is running with \(deviceCount) simulated devices. Open

                    \(endpoint.url)/#token=\(token)

                  For commands in another terminal:

                    export WINDSOCK_TOKEN=\(token)

                  Ctrl-C stops everything.

                """)
        }
        let simulation = try Simulation(
            profiles: profiles, configuration: SimulationConfiguration(mqtt: configuration.mqtt),
            tracer: gateway.deviceTracer, logger: logger)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        if let broker { services.append(.init(service: broker, successTerminationBehavior: .gracefullyShutdownGroup)) }
        services.append(.init(service: FreePageService(), successTerminationBehavior: .ignore))
        services.append(.init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup))
        services.append(.init(service: simulation, successTerminationBehavior: .ignore))
        return services
    }
}
