import GRDB
package import Telemetry

/// What is asked of one series as a whole.
extension StorageSnapshot {
    /// The latest value of a series; `nil` when it has none.
    package func latestValue(of series: Int64) throws -> StoredValue? {
        try row(
            "SELECT time, sequence, value FROM reading WHERE series_id = ? ORDER BY time DESC, sequence DESC LIMIT 1",
            [series]
        ).map {
            StoredValue(
                series: series, time: Timestamp(nanosecondsSinceEpoch: $0[0]), sequence: $0[1], value: $0[2])
        }
    }

    /// The extremes of parts of that length, by time: of the latest `limit` values from then on.
    package func extremes(
        of series: Int64, from first: Timestamp, partLength: Duration, limit: Int
    ) throws -> [ReadingSampler.Bucket] {
        let start = Timestamp(nanosecondsSinceEpoch: 0)
        let length = max(1, start.advanced(by: partLength).nanosecondsSinceEpoch)
        return try rows(
            """
            SELECT min(time), min(value), avg(value), max(value), count(*) FROM (
                SELECT time, value FROM reading WHERE series_id = ? AND time >= ?
                ORDER BY time DESC LIMIT ?)
            GROUP BY time / ? ORDER BY 1
            """,
            [series, first.nanosecondsSinceEpoch, limit, length]
        ).map {
            ReadingSampler.Bucket(
                start: Timestamp(nanosecondsSinceEpoch: $0[0]), minimum: $0[1], average: $0[2], maximum: $0[3],
                count: $0[4])
        }
    }
}
