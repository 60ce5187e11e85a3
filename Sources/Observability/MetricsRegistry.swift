import Core
package import CoreMetrics

/// A readable metrics backend: the source for `/metrics` and for exporters.
///
/// Recording a value takes no lock; creating a handler takes one briefly. The number of series is bounded by
/// ``MetricsConfiguration/maxSeries``, so labels taken from untrusted input cannot exhaust memory.
///
/// Bootstrap it once with `MetricsSystem.bootstrap(registry)`, or pass it to individual metrics as their `factory:`.
package final class MetricsRegistry: Sendable {
    /// The reason why a series was not kept under its own name and labels.
    package enum DropReason: Sendable {
        /// The limit ``MetricsConfiguration/maxSeries`` is reached.
        case full
        /// The name, or a Prometheus name derived from it, already belongs to a metric of another kind. This is a
        /// programming error.
        case conflict
    }

    /// The name of the counter of requests for a series that the registry could not keep.
    package static let droppedSeriesName = "windsock_metrics_dropped_series_total"
    /// The name of the gauge that reports the number of series in use.
    package static let seriesName = "windsock_metrics_series"

    package let configuration: MetricsConfiguration
    private let state: Lock<State>
    private let onFirstDrop: @Sendable (_ name: String, _ reason: DropReason) -> Void

    private struct State {
        var table: SeriesTable
        /// Help texts by sanitised name without suffix. Bounded by the number of `describe` calls in the program.
        var help: [String: String] = [:]
        var reported: Set<DropReason> = []
    }

    /// Creates an empty registry.
    ///
    /// - Parameter onFirstDrop: called on the first drop for each reason, so that it can be logged. Later drops are
    ///   only counted. Called outside of the lock, on the thread that requested the series.
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

    /// Sets the help text of a metric. Takes the name used in code and works before or after the metric is created.
    package func describe(_ name: String, _ help: String) {
        let key = PrometheusName.metric(name)
        state.withLock { $0.help[key] = help }
    }

    /// Registers a metric whose value is read at each scrape. While `read` returns `nil`, the metric is not shown.
    ///
    /// Registering the same name and labels again replaces the closure. `read` runs on the scraping thread, outside of
    /// the registry's lock, and must not block.
    ///
    /// - Parameter kind: `.gauge`, or `.counter` for a total that is maintained elsewhere.
    package func observe(
        _ name: String, help: String? = nil, labels: [(String, String)] = [], kind: MetricKind = .gauge,
        read: @escaping @Sendable () -> Double?
    ) {
        precondition(kind != .histogram, "an observed metric is a counter or a gauge, not a histogram")
        if let help { describe(name, help) }
        let family = PrometheusName.family(PrometheusName.metric(name), kind: kind)
        let labels = MetricLabels(labels)
        state.withLock { $0.table.remove(family: family, labels: labels) }
        _ = series(name, labels: labels, kind: kind) { ObservedSeries(family: $0, labels: $1, observe: read) }
    }

    /// Returns all families with their current values, sorted by name. Series are sorted by their labels.
    package func snapshot() -> [MetricFamily] {
        let (families, help, seriesCount, dropped) = state.withLock {
            ($0.table.families, $0.help, $0.table.seriesCount, $0.table.droppedCount)
        }
        // Read values outside of the lock, because observed series call foreign code.
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
            own(Self.droppedSeriesName, .counter, "Requests for series that were dropped.", Double(dropped)))
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

extension MetricsRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        counter(label, dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// Returns a histogram if `aggregate` is true, otherwise a gauge.
    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(label, dimensions, unit: nil, buckets: configuration.recorderBuckets)
    }

    /// Returns a histogram in seconds, with a name that ends in `_seconds`.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, unit: "seconds", buckets: configuration.timerBuckets)
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func counter(_ name: String, _ dimensions: [(String, String)]) -> CounterSeries {
        series(name, labels: MetricLabels(dimensions), kind: .counter) { CounterSeries(family: $0, labels: $1) }
    }

    private func gauge(_ name: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        series(name, labels: MetricLabels(dimensions), kind: .gauge) { GaugeSeries(family: $0, labels: $1) }
    }

    private func histogram(
        _ name: String, _ dimensions: [(String, String)], unit: String?, buckets: HistogramBuckets
    ) -> HistogramSeries {
        let buckets = configuration.bucketsByName[name] ?? buckets
        return series(name, labels: MetricLabels(dimensions, reserved: "le"), kind: .histogram, unit: unit) {
            HistogramSeries(family: $0, labels: $1, buckets: buckets)
        }
    }
}

/// The limits and bucket bounds of a ``MetricsRegistry``.
package struct MetricsConfiguration: Sendable {
    /// The maximum number of series. Beyond it, a new label set is counted in its family's `{overflow="true"}` series,
    /// and a new family is not shown at all.
    package var maxSeries: Int
    /// Bucket bounds for timers, in seconds.
    package var timerBuckets: HistogramBuckets
    /// Bucket bounds for aggregating recorders, in the unit they record.
    package var recorderBuckets: HistogramBuckets
    /// Bucket bounds for individual metrics, by the name used in code (for example `ingest.batch.size`).
    package var bucketsByName: [String: HistogramBuckets]

    package init(
        maxSeries: Int = 5_000,
        timerBuckets: HistogramBuckets = .seconds,
        recorderBuckets: HistogramBuckets = .counts,
        bucketsByName: [String: HistogramBuckets] = [:]
    ) {
        self.maxSeries = max(maxSeries, 1)
        self.timerBuckets = timerBuckets
        self.recorderBuckets = recorderBuckets
        self.bucketsByName = bucketsByName
    }
}
