/// The label set of one series: sanitised, sorted by name, each name once.
package struct MetricLabels: Hashable, Comparable, Sendable {
    /// The longest value that is kept, in Unicode scalars; what is longer is cut, so that nothing foreign fills the
    /// memory of the registry or of whoever scrapes it.
    package static let maximumValueLength = 256

    /// Names and values in the order of their names.
    package let pairs: [Pair]

    /// Equal when name and value are: the Prometheus text knows nothing else.
    package struct Pair: Hashable, Sendable {
        package let name: String
        package let value: String
        /// The name that the code uses (`error.type`).
        package let sourceName: String

        package static func == (lhs: Pair, rhs: Pair) -> Bool {
            lhs.name == rhs.name && lhs.value == rhs.value
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(name)
            hasher.combine(value)
        }
    }

    /// Labels from dimensions as the metrics API has them. Of two with the same name, the later one counts.
    ///
    /// - Parameter reserved: a name that the kind of metric needs for itself (`le` in histograms); a label of that
    ///   name gets a `_` behind it.
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

    /// The labels of the series that takes what a family had no room for.
    static let overflow = MetricLabels([("overflow", "true")])

    /// Pair by pair: the order in which a family's series are written.
    package static func < (lhs: MetricLabels, rhs: MetricLabels) -> Bool {
        for (left, right) in zip(lhs.pairs, rhs.pairs) {
            if left.name != right.name { return left.name < right.name }
            if left.value != right.value { return left.value < right.value }
        }
        return lhs.pairs.count < rhs.pairs.count
    }
}
