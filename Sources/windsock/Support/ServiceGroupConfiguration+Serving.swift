import Logging
import ServiceLifecycle
import UnixSignals

extension ServiceGroupConfiguration {
    /// Services that end gracefully on Ctrl-C and SIGTERM, in reverse order, and are cut off when that takes too long.
    ///
    /// - Parameter endsWithTerminal: Whether SIGHUP ends them, too.
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
