import Core

/// A metrics backend that can be read: what `/metrics` shows and what exporters send.
///
/// Recording into a handler takes no lock; making a handler takes a short one. The number of series is bounded
/// (``MetricsConfiguration/maxSeries``): labels that somebody outside chooses cannot fill the memory.
///
/// Bootstrap it once (`MetricsSystem.bootstrap(registry)`), or hand it to metrics as their `factory:`.
package final class MetricsRegistry: Sendable {
    /// Why a series was not kept under its own name and labels.
    package enum DropReason: Sendable {
        /// ``MetricsConfiguration/maxSeries`` are in use.
        case full
        /// A metric of another kind has the name: a mistake in the program.
        case conflict
    }

    /// Counts requests for series that could not be kept.
    package static let droppedSeriesName = "windsock_metrics_dropped_series_total"
    /// The number of series in use.
    package static let seriesName = "windsock_metrics_series"

    package let configuration: MetricsConfiguration
    private let state: Lock<State>
    private let onFirstDrop: @Sendable (_ name: String, _ reason: DropReason) -> Void

    private struct State {
        var table: SeriesTable
        /// By sanitised name without suffix; as many as the program has calls that describe.
        var help: [String: String] = [:]
        var reported: Set<DropReason> = []
    }

    /// - Parameter onFirstDrop: called for the first drop of each reason, for a line in the log; later ones are only
    ///   counted. Called outside of the lock, on the thread that asked for the series.
    package init(
        configuration: MetricsConfiguration = MetricsConfiguration(),
        onFirstDrop: @escaping @Sendable (_ name: String, _ reason: DropReason) -> Void = { _, _ in }
    ) {
        self.configuration = configuration
        self.onFirstDrop = onFirstDrop
        let table = SeriesTable(
            maxSeries: configuration.maxSeries, reserved: [Self.droppedSeriesName, Self.seriesName])
        state = Lock(State(table: table))
    }

    /// Sets the help text of a metric, by the name that the code uses; before or after the metric is made.
    package func describe(_ name: String, _ help: String) {
        let key = PrometheusName.metric(name)
        state.withLock { $0.help[key] = help }
    }

    /// Shows what `read` returns at each scrape; nothing while it returns `nil`.
    ///
    /// The same name and labels again replace the closure. `read` runs on the scraping thread, outside of the
    /// registry's lock; it must not block.
    ///
    /// - Parameter kind: `.gauge`, or `.counter` for a figure that somebody else counts up.
    package func observe(
        _ name: String, help: String? = nil, labels: [(String, String)] = [], kind: MetricKind = .gauge,
        read: @escaping @Sendable () -> Double?
    ) {
        precondition(kind != .histogram, "a histogram cannot be observed by a single number")
        if let help { describe(name, help) }
        let family = PrometheusName.family(PrometheusName.metric(name), kind: kind)
        let labels = MetricLabels(labels)
        state.withLock { $0.table.remove(family: family, labels: labels) }
        _ = series(name, labels: labels, kind: kind) { ObservedSeries(family: $0, labels: $1, observe: read) }
    }

    /// Every family with its values now, by name; series in the order of their labels.
    package func snapshot() -> [MetricFamily] {
        let (families, help, seriesCount, dropped) = state.withLock {
            ($0.table.families, $0.help, $0.table.seriesCount, $0.table.droppedCount)
        }
        // Values are read here, outside of the lock: observed series call foreign code.
        var result: [MetricFamily] = families.compactMap { name, family in
            var series = Array(family.series.values)
            if let overflow = family.overflow { series.append(overflow) }
            let samples = series.compactMap { one in
                one.read().map { MetricSample(labels: one.labels, value: $0) }
            }
            guard !samples.isEmpty else { return nil }
            return MetricFamily(
                name: name, sourceName: family.sourceName, unit: family.unit, kind: family.kind,
                help: help[family.baseName], samples: samples.sorted { $0.labels < $1.labels })
        }
        result.append(
            own(Self.droppedSeriesName, .counter, "Requests for series that were not kept.", Double(dropped)))
        result.append(own(Self.seriesName, .gauge, "Series in use.", Double(seriesCount)))
        return result.sorted { $0.name < $1.name }
    }

    private func own(_ name: String, _ kind: MetricKind, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(
            name: name, sourceName: name, unit: nil, kind: kind, help: help,
            samples: [MetricSample(labels: MetricLabels([]), value: .number(value))])
    }

    func series<S: Series>(
        _ name: String, labels: MetricLabels, kind: MetricKind, unit: String? = nil,
        make: (String?, MetricLabels) -> S
    ) -> S {
        let base = PrometheusName.metric(name)
        let family = PrometheusName.family(base, kind: kind, unit: unit)
        let (series, report) = state.withLock { state -> (S, DropReason?) in
            let (series, outcome) = state.table.series(
                baseName: base, family: family, sourceName: name, kind: kind, unit: unit, labels: labels, make: make)
            let reason: DropReason? =
                switch outcome {
                case .kept: nil
                case .full: .full
                case .conflict: .conflict
                }
            guard let reason, state.reported.insert(reason).inserted else { return (series, nil) }
            return (series, reason)
        }
        if let report { onFirstDrop(name, report) }
        return series
    }

    func remove(_ handler: AnyObject) {
        guard let series = handler as? any Series else { return }
        state.withLock { $0.table.remove(series) }
    }
}
