/// A kind of telemetry that OTLP carries; each has an endpoint, a queue and figures of its own.
package enum OTLPSignal: String, Sendable, Hashable, CaseIterable {
    case traces
    case metrics
    case logs

    /// What is appended to the endpoint that all signals share.
    ///
    /// Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter", Endpoint URLs for OTLP/HTTP.
    var path: String { "/v1/\(rawValue)" }

    /// The signal's part in the names of its environment variables.
    var variablePart: String { rawValue.uppercased() }
}
