import OTLP

/// What of the `OTEL_*` variables tracers need.
struct TracingSettings: Sendable {
    var resource: Resource
    var sampler: Sampler
    var propagator: W3CPropagator?
}
