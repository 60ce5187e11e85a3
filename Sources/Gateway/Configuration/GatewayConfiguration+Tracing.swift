import Services

extension GatewayConfiguration {
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
