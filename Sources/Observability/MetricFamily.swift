/// How a metric behaves, in the words of the Prometheus text format.
package enum MetricKind: String, Sendable {
    /// Only goes up, or back to zero at a restart.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts observations by size.
    case histogram
}

/// All series of one name at the moment of a scrape.
package struct MetricFamily: Sendable {
    /// The complete name in the Prometheus text, suffix and all.
    package let name: String
    /// The name that the code uses (`websocket.messages.sent`).
    package let sourceName: String
    /// What a value counts where the kind of metric tells: `seconds` for timers.
    package let unit: String?
    package let kind: MetricKind
    package let help: String?
    /// In the order of their labels.
    package let samples: [MetricSample]
}

/// One series and its value at the moment of a scrape.
package struct MetricSample: Sendable {
    package let labels: MetricLabels
    package let value: MetricValue
}

/// The value of one series.
package enum MetricValue: Sendable {
    case number(Double)
    case histogram(HistogramSnapshot)
}

/// What a histogram held at the moment of a scrape.
///
/// The counts are consistent among themselves; `sum` is read after them and may hold a record more.
package struct HistogramSnapshot: Sendable {
    package let upperBounds: [Double]
    /// One a bound and one more for everything; each includes those before it.
    package let cumulativeCounts: [UInt64]
    package let sum: Double

    /// The number of records.
    package var count: UInt64 { cumulativeCounts.last ?? 0 }
}
