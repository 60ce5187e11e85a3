import Observability
import Telemetry

/// All metrics of one moment, and since when they have been counted.
struct MetricsSnapshot: Sendable {
    let resource: Resource
    let start: Timestamp
    let time: Timestamp
    let families: [MetricFamily]

    /// The number of series.
    var pointCount: Int { families.reduce(0) { $0 + $1.samples.count } }
}
