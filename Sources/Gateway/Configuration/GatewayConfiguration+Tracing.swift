import Core
import OTLP
package import Services

/// Budgets of tracing.
package struct TracingConfiguration: Sendable {
    /// Sampled traces per second, including those that devices and clients started.
    package var tracesPerSecond: Int
    /// Maximum number of deliveries of one message that become spans.
    package var sendsPerMessage: Int
    /// Maximum number of deliveries per second that become spans, over all messages.
    package var sendsPerSecond: Int
    /// Number of most recent traces that the latency page can show.
    package var keptTraces: Int
    /// Threshold and budget for tracing slow readings that were not sampled.
    package var latency: LatencyService.Configuration
}

extension GatewayConfiguration {
    /// The default of `OTEL_SERVICE_NAME`.
    private static let serviceName = "windsock-gateway"

    /// Reads the variables of the OpenTelemetry specification.
    static func otlp(_ settings: inout SettingsReader, _ environment: [String: String]) -> OTLPConfiguration {
        do throws(OTLPError) {
            return try OTLPConfiguration(environment: environment, serviceName: serviceName)
        } catch {
            for mistake in error.mistakes {
                let value = mistake.value.map { "\"\($0)\"" } ?? "the value (not shown)"
                settings.record(
                    ConfigurationError(
                        origin: mistake.variable, problem: "\(value) is not valid; allowed: \(mistake.allowed)"))
            }
            return OTLPConfiguration(serviceName: serviceName)
        }
    }

    static func tracing(_ settings: inout SettingsReader) -> TracingConfiguration {
        TracingConfiguration(
            tracesPerSecond: settings.integer(.tracesPerSecond, in: 0...100_000),
            sendsPerMessage: settings.integer(.sendSpansPerMessage, in: 0...1000),
            sendsPerSecond: settings.integer(.sendSpansPerSecond, in: 0...100_000),
            keptTraces: settings.integer(.keptTraces, in: 1...100_000),
            latency: LatencyService.Configuration(
                slowThreshold: settings.duration(.slowThreshold, in: .milliseconds(1)...(.seconds(3600))),
                slowPerSecond: settings.integer(.slowTracesPerSecond, in: 0...10_000)))
    }
}
