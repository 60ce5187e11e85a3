/// The type of a metric, named as in the Prometheus text format.
package enum MetricKind: String, Sendable {
    /// A value that only increases, or resets to zero on restart.
    case counter
    /// A value that can go up and down.
    case gauge
    /// Observations counted in buckets by size.
    case histogram
}

/// A snapshot of all series that share a metric name, taken at scrape time.
package struct MetricFamily: Sendable {
    /// The full name in the Prometheus text, including the suffix.
    package let name: String
    /// The name used in code, for example `websocket.messages.sent`.
    package let sourceName: String
    /// The unit of the values if the metric's kind implies one: `seconds` for timers, otherwise `nil`.
    package let unit: String?
    package let kind: MetricKind
    package let help: String?
    /// The samples, sorted by label set.
    package let samples: [MetricSample]
}

/// One series and its value at scrape time.
package struct MetricSample: Sendable {
    package let labels: MetricLabels
    package let value: MetricValue
}

/// The value of one series.
package enum MetricValue: Sendable {
    case number(Double)
    case histogram(HistogramSnapshot)
}

/// A snapshot of a histogram at scrape time.
///
/// The bucket counts are consistent with each other. `sum` is read after them and may include values recorded in
/// between.
package struct HistogramSnapshot: Sendable {
    package let upperBounds: [Double]
    /// One count per bound, plus a last one for all values. Each count includes the preceding ones.
    package let cumulativeCounts: [UInt64]
    package let sum: Double

    /// The total number of recorded values.
    package var count: UInt64 { cumulativeCounts.last ?? 0 }
}

/// The label set of one series. Names are sanitised, sorted and unique.
package struct MetricLabels: Hashable, Comparable, Sendable {
    /// The maximum length of a value in Unicode scalars. Longer values are truncated, so that untrusted input cannot
    /// fill the memory of the registry or the scraper.
    package static let maximumValueLength = 256

    /// Label names and values, sorted by name.
    package let pairs: [Pair]

    /// A label name and value. `sourceName` is ignored when comparing, because it does not appear in the Prometheus
    /// text.
    package struct Pair: Hashable, Sendable {
        package let name: String
        package let value: String
        /// The name used in code, for example `error.type`.
        package let sourceName: String

        package static func == (lhs: Pair, rhs: Pair) -> Bool {
            lhs.name == rhs.name && lhs.value == rhs.value
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(value)
        }
    }

    /// Creates labels from dimensions of the metrics API. If two names are equal after sanitising, the later one wins.
    ///
    /// - Parameter reserved: a label name that the metric's kind uses itself (`le` for histograms). A label with that
    ///   name gets a trailing `_`.
    package init(_ dimensions: [(String, String)], reserved: String? = nil) {
        guard !dimensions.isEmpty else {
            pairs = []
            return
        }
        var values: [String: Pair] = [:]
        for (name, value) in dimensions {
            var label = PrometheusName.label(name)
            if label == reserved { label += "_" }
            let kept =
                value.unicodeScalars.count > Self.maximumValueLength
                ? String(String.UnicodeScalarView(value.unicodeScalars.prefix(Self.maximumValueLength)))
                : value
            values[label] = Pair(name: label, value: kept, sourceName: name)
        }
        pairs = values.values.sorted { $0.name < $1.name }
    }

    /// The labels of a family's overflow series, which counts everything that exceeds the series limit.
    static let overflow = MetricLabels([("overflow", "true")])

    /// Compares pair by pair. This is the order in which a family's series are written.
    package static func < (lhs: MetricLabels, rhs: MetricLabels) -> Bool {
        for (left, right) in zip(lhs.pairs, rhs.pairs) {
            if left.name != right.name { return left.name < right.name }
            if left.value != right.value { return left.value < right.value }
        }
        return lhs.pairs.count < rhs.pairs.count
    }
}
