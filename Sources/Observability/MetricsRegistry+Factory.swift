package import CoreMetrics

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

    /// A histogram when `aggregate`, else a gauge.
    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(label, dimensions, unit: nil, buckets: configuration.recorderBuckets)
    }

    /// A histogram in seconds, its name ending in `_seconds`.
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
