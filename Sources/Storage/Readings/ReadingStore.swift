package import Core
import GRDB
package import Telemetry

/// A writer of readings with prepared statements. It creates series and devices when they first appear.
///
/// Thread-safe, but meant for a single writer: ``append(_:in:)`` runs in a transaction, and there is one at a time.
package final class ReadingStore: Sendable {
    /// The minimum interval between two updates of a device's `last_seen`, so that not every reading writes it.
    package static let seenInterval = Duration.seconds(10)

    /// The result of ``append(_:in:)``.
    package struct AppendResult: Sendable, Equatable {
        /// Values that were stored.
        package var valueCount = 0
        /// Values rejected because their series would exceed the limit of the device or of the database.
        package var refusedCount = 0
    }

    /// The number of sequence numbers reserved at a time, so that not every transaction writes their counter.
    private static let sequenceBlock = 1 << 20
    /// The maximum number of series from which one transaction deletes. Each costs lookups, however few values it has.
    private static let maxSeriesPerRemoval = 64

    /// The maximum number of series per device. A device that invents metric names cannot use up the series of others.
    package static let maxDeviceSeries = 2000

    private let cache = Lock<SeriesCache?>(nil)
    private let maxSeries: Int

    /// Creates a writer with an empty cache.
    ///
    /// - Parameter maxSeries: The maximum number of series in the database. Without it, anyone who can name devices
    ///   could fill the database.
    package init(maxSeries: Int = 200_000) {
        self.maxSeries = maxSeries
    }

    /// Stores the readings. Equal readings are stored separately. Retained readings are skipped: their age is unknown,
    /// and the broker sends them again with every subscription.
    package func append(_ readings: some Sequence<Reading>, in transaction: StorageTransaction) throws -> AppendResult {
        var result = AppendResult()
        let readings = readings.filter { !$0.isRetained }
        guard !readings.isEmpty else { return result }
        let insert = try BoundStatement(
            "INSERT INTO reading (series_id, time, sequence, value) VALUES (?, ?, ?, ?)", in: transaction.database)
        try cache.withLock { slot in
            var cache = slot ?? SeriesCache()
            // After an error or a rollback, the cache must not be kept.
            slot = nil
            var hasGrown = false
            for reading in readings {
                if cache.sequences.isEmpty {
                    let first = try transaction.next("reading", count: Self.sequenceBlock)
                    cache.sequences = first..<first + Int64(Self.sequenceBlock)
                    hasGrown = true
                }
                let sequence = cache.sequences.lowerBound
                cache.sequences = sequence + 1..<cache.sequences.upperBound
                try store(reading, sequence, insert, &cache, &result, &hasGrown, transaction)
            }
            if hasGrown { forgetOnRollback(transaction) }
            slot = cache
        }
        return result
    }

    /// Deletes readings of these series that are older than `cutoff`, and then empty series. Deletes at most `limit`
    /// readings, from a limited number of series.
    ///
    /// - Returns: The number of series that are done, counted from the first, and the number of deleted values.
    package func remove(
        _ series: ArraySlice<Int64>, before cutoff: Timestamp, limit: Int, in transaction: StorageTransaction
    ) throws -> (seriesCount: Int, valueCount: Int) {
        var removed = 0
        var done = 0
        for id in series.prefix(Self.maxSeriesPerRemoval) {
            let rest = limit - removed
            guard rest > 0 else { break }
            let count = try transaction.removeReadings(of: id, before: cutoff, limit: rest)
            removed += count
            // The series may have more.
            if count >= rest { break }
            if try transaction.removeSeriesIfEmpty(id) { forgetSeries() }
            done += 1
        }
        return (done, removed)
    }

    /// Deletes those devices that have no series and have been silent since `cutoff`. Returns the number deleted.
    package func remove(
        _ devices: [StoredDevice], silentSince cutoff: Timestamp, in transaction: StorageTransaction
    ) throws -> Int {
        var removed = 0
        for device in devices
        where try transaction.removeDeviceIfForgotten(device.name, in: device.room, silentSince: cutoff) {
            removed += 1
        }
        if removed > 0 { forgetSeries() }
        return removed
    }

    /// Clears the cached series and devices, so that the next transaction reads them from the database. Call it when
    /// another process may have deleted some. Reserved sequence numbers remain valid.
    func forgetSeries() {
        cache.withLock { slot in
            slot?.devices = [:]
            slot?.count = nil
        }
    }

    /// Clears the whole cache. Reserved sequence numbers are dropped too, because the rollback may have freed them.
    private func invalidate() {
        cache.withLock { $0 = nil }
    }

    private func store(
        _ reading: Reading, _ sequence: Int64, _ insert: BoundStatement, _ cache: inout SeriesCache,
        _ result: inout AppendResult, _ hasGrown: inout Bool, _ transaction: StorageTransaction
    ) throws {
        let key = SeriesCache.Key(device: reading.device.rawValue, room: reading.room)
        if cache.devices[key] == nil {
            cache.devices[key] = try Self.device(key, transaction)
            hasGrown = true
        }
        for (index, metric) in reading.metrics.enumerated() {
            var id = cache.devices[key]?.id(of: metric, hint: index)
            if id == nil {
                let count = try cache.count ?? Self.countSeries(transaction)
                cache.count = count
                let own = cache.devices[key]?.series.count ?? 0
                guard count < maxSeries, own < Self.maxDeviceSeries else {
                    result.refusedCount += 1
                    continue
                }
                let made = try Self.makeSeries(metric, key, transaction)
                cache.devices[key]?.append(SeriesCache.Entry(metric: metric.name, unit: metric.unit, id: made))
                cache.count = count + 1
                hasGrown = true
                id = made
            }
            guard let id else { continue }
            insert.bind(1, id)
            insert.bind(2, reading.time.nanosecondsSinceEpoch)
            insert.bind(3, sequence)
            insert.bind(4, metric.value)
            try insert.execute()
            result.valueCount += 1
        }
        // A device whose series were all rejected leaves nothing in the cache.
        guard cache.devices[key]?.series.isEmpty == false else {
            cache.devices[key] = nil
            return
        }
        let seen = cache.devices[key]?.storedSeen
        if seen == nil || seen.map({ reading.receivedAt.since($0) >= Self.seenInterval }) == true {
            try transaction.markSeen(key.device, in: key.room, at: reading.receivedAt)
            cache.devices[key]?.storedSeen = reading.receivedAt
            hasGrown = true
        }
    }

    private func forgetOnRollback(_ transaction: StorageTransaction) {
        transaction.onEnd { [self] isCommitted in if !isCommitted { invalidate() } }
    }

    private static func countSeries(_ transaction: StorageTransaction) throws -> Int {
        try transaction.snapshot.row("SELECT count(*) FROM series")?[0] ?? 0
    }

    private static func device(
        _ key: SeriesCache.Key, _ transaction: StorageTransaction
    ) throws -> SeriesCache.Device {
        var device = SeriesCache.Device()
        let rows = try transaction.snapshot.rows(
            "SELECT metric, unit, id FROM series WHERE device = ? AND room = ? ORDER BY id", [key.device, key.room])
        for row in rows {
            let unit: String = try row.value(1)
            device.append(
                SeriesCache.Entry(
                    metric: try row.value(0), unit: unit.isEmpty ? nil : unit, id: try row.value(2)))
        }
        let seen: Int64? = try transaction.snapshot.row(
            "SELECT last_seen FROM device WHERE room = ? AND name = ?", [key.room, key.device])?.optional(0)
        device.storedSeen = seen.map(Timestamp.init(nanosecondsSinceEpoch:))
        return device
    }

    private static func makeSeries(
        _ metric: Metric, _ key: SeriesCache.Key, _ transaction: StorageTransaction
    ) throws -> Int64 {
        // Another process, such as an import, may have created the series meanwhile.
        let row = try transaction.snapshot.row(
            """
            INSERT INTO series (device, room, metric, unit) VALUES (?, ?, ?, ?)
            ON CONFLICT (device, room, metric, unit) DO UPDATE SET metric = metric RETURNING id
            """, [key.device, key.room, metric.name, metric.unit ?? ""])
        guard let row else { throw DatabaseError(message: "the series \(metric.name) could not be created") }
        return row[0]
    }
}

/// A cache of the series of every device seen since startup, so that one lookup finds the series of a reading.
///
/// Contains only what is in the database, so its size is bounded by the limit on series.
struct SeriesCache {
    /// A device in a room.
    struct Key: Hashable {
        var device: String
        var room: String
    }

    /// One of a device's series.
    struct Entry {
        var metric: String
        var unit: String?
        var id: Int64

        var name: Name { Name(metric: metric, unit: unit) }
    }

    /// The key of a series within its device.
    struct Name: Hashable {
        var metric: String
        var unit: String?
    }

    /// The cached state of one device.
    struct Device {
        /// The device's series, in the order of creation. Most readings have the same metrics in the same order.
        private(set) var series: [Entry] = []
        /// The ids by name, for readings whose metrics are in another order.
        private var ids: [Name: Int64] = [:]
        /// The stored `last_seen`; `nil` for a device that is not in the database yet.
        var storedSeen: Timestamp?

        /// Returns the id of a metric's series. `hint` is its likely index in ``series``.
        func id(of metric: Metric, hint: Int) -> Int64? {
            if hint < series.count, series[hint].metric == metric.name, series[hint].unit == metric.unit {
                return series[hint].id
            }
            return ids[Name(metric: metric.name, unit: metric.unit)]
        }

        mutating func append(_ entry: Entry) {
            series.append(entry)
            ids[entry.name] = entry.id
        }
    }

    var devices: [Key: Device] = [:]
    /// Sequence numbers reserved in the database and not used yet.
    var sequences: Range<Int64> = 0..<0
    /// The number of series in the database; `nil` until it is counted.
    var count: Int?
}
