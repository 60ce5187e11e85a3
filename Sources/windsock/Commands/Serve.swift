import ArgumentParser
import Core
import Foundation
import Gateway
import Logging
import MQTTTransport
import ServiceLifecycle
import UnixSignals
import WebServer

/// The command `windsock serve`, which runs the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the gateway: ingest readings from a broker and stream them to dashboards.")

    /// The time limit for a graceful shutdown. Services that take longer are cancelled.
    static let shutdownTimeout = Duration.seconds(5)

    @OptionGroup var settings: SettingsOptions

    @Flag(
        name: .customLong("print-config"),
        help: "Check the settings as for serving, print them with secrets masked, and exit.")
    var printsConfiguration = false

    func run() async throws {
        try await Exit.reporting {
            let sources = try settings.sources()
            let configuration = try GatewayConfiguration(sources)
            try configuration.requireTokenKeys()
            try configuration.requireDashboards()
            if printsConfiguration { return Console.print(GatewayConfiguration.printed(sources)) }
            try await serve(configuration, sources)
        }
    }

    private func serve(
        _ configuration: GatewayConfiguration, _ sources: GatewayConfiguration.Sources
    ) async throws {
        Signals.ignoreStrays()
        Allocator.configure()
        let logger = SettingsOptions.logger(level: configuration.logLevel)
        do {
            _ = try ShippedFiles.standard.page(of: configuration.dashboardsDirectory)
        } catch {
            logger.warning("There is no web page; the API works without it", metadata: ["reason": "\(error)"])
        }
        let (endpoints, found) = AsyncStream.makeStream(of: Gateway.Endpoint.self, bufferingPolicy: .bufferingNewest(1))
        let gateway = try await Gateway(configuration: configuration, sources: sources, logger: logger) { endpoint in
            found.yield(endpoint)
            found.finish()
        }
        let group = ServiceGroup(
            configuration: .serving(
                [
                    .init(service: FreePageService(), successTerminationBehavior: .ignore),
                    .init(service: ReloadService(gateway: gateway), successTerminationBehavior: .ignore),
                    .init(
                        service: StartReport(gateway: gateway, endpoints: endpoints, logger: logger),
                        successTerminationBehavior: .ignore),
                    .init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup),
                ], logger: logger))
        try await Self.run(group, listen: "\(configuration.server.host):\(configuration.server.port)")
    }

    /// Runs a service group with a web server that listens on `listen`. If that address is not available, the error
    /// names it.
    static func run(_ group: ServiceGroup, listen: String) async throws {
        do {
            try await group.run()
        } catch let error as ServiceGroupError {
            throw error
        } catch WebServerError.addressUnavailable(let reason) {
            throw Unavailable(
                description: "Cannot listen on \(listen): \(reason). The port may be in use; see --listen.")
        }
    }
}

/// A service that reloads everything that can be reloaded on each SIGHUP.
private struct ReloadService: Service {
    let gateway: Gateway

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await gateway.reload()
        }
    }
}

/// A service that logs where the gateway listens: once it is ready, and before that if the broker cannot be reached.
private struct StartReport: Service {
    private static let pollInterval = Duration.milliseconds(50)

    let gateway: Gateway
    let endpoints: AsyncStream<Gateway.Endpoint>
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await endpoint in endpoints { await report(endpoint) }
        }
    }

    private func report(_ endpoint: Gateway.Endpoint) async {
        var hasWarned = false
        while !Task.isCancelled {
            switch gateway.brokerState {
            case .connected:
                return logger.notice(
                    "Ready: \(endpoint.url) — sign in with a token from: windsock token --user you --role viewer")
            case .waiting(let error) where !hasWarned:
                hasWarned = true
                logger.warning(
                    "Listening at \(endpoint.url), but no readings arrive: the broker cannot be reached",
                    metadata: ["broker": "\(gateway.broker)", "error": "\(error)"])
            default: break
            }
            try? await Task.sleep(for: Self.pollInterval)
        }
    }
}

extension ServiceGroupConfiguration {
    /// Returns a configuration that shuts services down gracefully, in reverse order, on Ctrl-C and SIGTERM. Services
    /// that take too long are cancelled.
    ///
    /// - Parameter endsWithTerminal: True when SIGHUP, too, begins a shutdown.
    static func serving(
        _ services: [ServiceConfiguration], endsWithTerminal: Bool = false, logger: Logger
    ) -> ServiceGroupConfiguration {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint] + (endsWithTerminal ? [.sighup] : []),
            logger: quiet)
        configuration.maximumGracefulShutdownDuration = Serve.shutdownTimeout
        return configuration
    }
}

/// Signals that would terminate the process but have no meaning for it.
enum Signals {
    /// Ignores these signals. Writes to closed pipes and sockets then fail with an error instead of ending the process,
    /// and stray signals from other tools do no harm.
    static func ignoreStrays() {
        for number in [SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM] { signal(number, SIG_IGN) }
    }
}
