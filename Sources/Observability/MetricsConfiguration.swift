/// The limits and bucket bounds of a ``MetricsRegistry``.
package struct MetricsConfiguration: Sendable {
    /// The most series that are kept. A label set that comes when they are used up is counted in the one series
    /// `{overflow="true"}` of its family; a family that comes then is not shown at all.
    package var maxSeries: Int
    /// Buckets of timers, in seconds.
    package var timerBuckets: HistogramBuckets
    /// Buckets of recorders that aggregate, in whatever unit they record.
    package var recorderBuckets: HistogramBuckets
    /// Buckets of single metrics, by the name that the code uses (`ingest.batch.size`).
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
