import ArgumentParser
import Gateway
import Logging
import ServiceLifecycle
import UnixSignals
import WebServer

/// `windsock serve`: the gateway itself.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve: take readings from a broker, stream them to dashboards.")

    /// What is under way at SIGTERM gets this long.
    static let shutdownTimeout = Duration.seconds(5)

    @OptionGroup var settings: SettingsOptions

    @Flag(name: .customLong("print-config"), help: "Show the settings in force, secrets masked, and exit.")
    var printsConfiguration = false

    func run() async throws {
        try await Exit.reporting {
            let sources = try settings.sources()
            if printsConfiguration { return Console.print(GatewayConfiguration.printed(sources)) }
            try await serve(try GatewayConfiguration(sources))
        }
    }

    private func serve(_ configuration: GatewayConfiguration) async throws {
        Signals.ignoreStrays()
        Allocator.configure()
        let logger = SettingsOptions.logger(level: configuration.logLevel)
        let gateway = try await Gateway(configuration: configuration, logger: logger) { endpoint in
            logger.notice(
                "Ready: \(endpoint.url) — sign in with a token from: windsock token --user you --join 'sensors/#'")
        }
        let group = ServiceGroup(
            configuration: .serving(
                [
                    .init(service: FreePageService(), successTerminationBehavior: .ignore),
                    .init(service: ReloadService(gateway: gateway), successTerminationBehavior: .ignore),
                    .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup),
                ], logger: logger))
        try await Self.run(group, listen: "\(configuration.server.host):\(configuration.server.port)")
    }

    /// Runs a group that listens; an address that cannot be had is named.
    static func run(_ group: ServiceGroup, listen: String) async throws {
        do {
            try await group.run()
        } catch let error as ServiceGroupError {
            throw error
        } catch let error as WebServer.AddressUnavailable {
            throw Unavailable(
                description: "Cannot listen on \(listen): \(error). Another program may use the port; see --listen.")
        }
    }
}

/// Lets the gateway reload dashboards and keys whenever SIGHUP comes.
private struct ReloadService: Service {
    let gateway: Gateway

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await gateway.reload()
        }
    }
}
