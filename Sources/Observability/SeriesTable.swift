/// Which series exist: a bounded map from family and labels to series. A value; the registry guards it with a lock.
struct SeriesTable {
    /// What became of a request for a series.
    enum Outcome: Equatable {
        /// The series is in the table, new or not.
        case kept
        /// The table is full: the series is the overflow series of its family, or in no table at all.
        case full
        /// The name belongs to a metric of another kind: the series is in no table.
        case conflict
    }

    struct Family {
        let kind: MetricKind
        /// The sanitised name before suffixes, by which help texts are found.
        let baseName: String
        /// The name that the code uses.
        let sourceName: String
        let unit: String?
        var series: [MetricLabels: any Series] = [:]
        var overflow: (any Series)?
    }

    let maxSeries: Int
    private(set) var families: [String: Family] = [:]
    private(set) var seriesCount = 0
    private(set) var droppedCount: UInt64 = 0
    /// Every name that occurs in front of a value, so that no two families write the same one.
    private var sampleNames: Set<String>

    /// - Parameter reserved: names of families that somebody else writes.
    init(maxSeries: Int, reserved: [String]) {
        self.maxSeries = maxSeries
        sampleNames = Set(reserved)
    }

    /// The series of `family` with `labels`: the existing one, or what `make` returns.
    ///
    /// `make` gets the names that the series shall carry; without a family when the table does not keep it.
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

    /// Takes `series` out, and its family with the last one. Overflow series cannot be taken out singly: others may
    /// use them.
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

    /// Takes out the series with `labels`, whichever it is.
    mutating func remove(family name: String, labels: MetricLabels) {
        if let series = families[name]?.series[labels] { remove(series) }
    }

    private mutating func drop<S>(_ series: S, _ outcome: Outcome) -> (series: S, outcome: Outcome) {
        droppedCount += 1
        return (series, outcome)
    }

    /// `family` when its name is free, or `nil` when another one writes one of its names.
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
