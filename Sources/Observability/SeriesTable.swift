/// A bounded map from family and labels to series. A value type; ``MetricsRegistry`` guards it with a lock.
struct SeriesTable {
    /// The result of a request for a series.
    enum Outcome: Equatable {
        /// The series is in the table, whether new or existing.
        case kept
        /// The table is full. The returned series is its family's overflow series, or is not in the table at all.
        case full
        /// The name, or a Prometheus name derived from it, belongs to a metric of another kind. The returned series is
        /// not in the table.
        case conflict
    }

    struct Family {
        let kind: MetricKind
        /// The sanitised name without suffixes, used to look up help texts.
        let baseName: String
        /// The name used in code.
        let sourceName: String
        let unit: String?
        var series: [MetricLabels: any Series] = [:]
        var overflow: (any Series)?
    }

    let maxSeries: Int
    private(set) var families: [String: Family] = [:]
    private(set) var seriesCount = 0
    private(set) var droppedCount: UInt64 = 0
    /// All sample names in use, such as `latency_bucket` for a histogram `latency`. They prevent two families from
    /// writing samples with the same name.
    private var sampleNames: Set<String>

    /// Creates an empty table.
    ///
    /// - Parameter reserved: family names that the registry writes itself.
    init(maxSeries: Int, reserved: [String]) {
        self.maxSeries = maxSeries
        sampleNames = Set(reserved)
    }

    /// Returns the existing series of `family` with `labels`, or adds the one that `make` creates.
    ///
    /// `make` receives the family and labels that the series must report. The family is `nil` if the table does not
    /// keep the series.
    mutating func series<S: Series>(
        baseName: String, family name: String, sourceName: String, kind: MetricKind, unit: String?,
        labels: MetricLabels, make: (String?, MetricLabels) -> S
    ) -> (series: S, outcome: Outcome) {
        let new = Family(kind: kind, baseName: baseName, sourceName: sourceName, unit: unit)
        guard var family = families[name] ?? accepted(new, name: name), family.kind == kind else {
            return drop(make(nil, labels), .conflict)
        }
        if let existing = family.series[labels] {
            guard let series = existing as? S else { return drop(make(nil, labels), .conflict) }
            return (series, .kept)
        }
        guard seriesCount < maxSeries else {
            guard families[name] != nil else { return drop(make(nil, labels), .full) }
            if let overflow = family.overflow as? S { return drop(overflow, .full) }
            let overflow = make(name, .overflow)
            families[name]?.overflow = overflow
            return drop(overflow, .full)
        }
        let series = make(name, labels)
        family.series[labels] = series
        if families.updateValue(family, forKey: name) == nil {
            sampleNames.formUnion(Self.sampleNames(of: name, kind: kind))
        }
        seriesCount += 1
        return (series, .kept)
    }

    /// Removes `series`, and its family once it is empty. Overflow series are not removed individually, because several
    /// handlers may share one.
    mutating func remove(_ series: any Series) {
        guard let name = series.family, var family = families[name], family.series[series.labels] === series
        else { return }
        family.series[series.labels] = nil
        seriesCount -= 1
        if family.series.isEmpty {
            families[name] = nil
            sampleNames.subtract(Self.sampleNames(of: name, kind: family.kind))
        } else {
            families[name] = family
        }
    }

    /// Removes the series with `labels`, if there is one.
    mutating func remove(family name: String, labels: MetricLabels) {
        if let series = families[name]?.series[labels] { remove(series) }
    }

    private mutating func drop<S>(_ series: S, _ outcome: Outcome) -> (series: S, outcome: Outcome) {
        droppedCount += 1
        return (series, outcome)
    }

    /// Returns `family`, or `nil` if another family already uses one of its sample names.
    private func accepted(_ family: Family, name: String) -> Family? {
        sampleNames.isDisjoint(with: Self.sampleNames(of: name, kind: family.kind)) ? family : nil
    }

    private static func sampleNames(of name: String, kind: MetricKind) -> [String] {
        switch kind {
        case .counter, .gauge: [name]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }
}
