import Core
import GRDB
package import Telemetry

/// Writes readings: series and devices are made as they appear, and the values go in by prepared statements.
///
/// Thread-safe, but meant for one writer: ``append(_:in:)`` runs within transactions, of which there is one at a time.
package final class ReadingStore: Sendable {
    /// The registry's `last_seen` is at most this old: not every reading writes it.
    package static let seenInterval = Duration.seconds(10)

    /// What a transaction took.
    package struct Outcome: Sendable, Equatable {
        /// Values that were stored.
        package var valueCount = 0
        /// Values left out because their series would be one too many, of the device's or of all.
        package var refusedCount = 0
    }

    /// Numbers are taken in blocks, so that not every transaction writes the counter.
    private static let sequenceBlock = 1 << 20
    /// Series that one transaction removes from: each costs look-ups of its own, however few values it has.
    private static let maxSeriesPerRemoval = 64

    /// Series that one device may have: whoever invents names of metrics takes no other device's room.
    package static let maxDeviceSeries = 2000

    private let cache = Lock<SeriesCache?>(nil)
    private let maxSeries: Int

    /// - Parameter maxSeries: The series that the database may hold: whoever can name devices could fill it else.
    package init(maxSeries: Int = 200_000) {
        self.maxSeries = maxSeries
    }

    /// Adds the readings; two that are equal are two. Retained ones are left out: nobody knows how old they are, and
    /// they come again with every new subscription.
    package func append(_ readings: [Reading], in transaction: StorageTransaction) throws -> Outcome {
        var outcome = Outcome()
        let readings = readings.filter { !$0.isRetained }
        guard !readings.isEmpty else { return outcome }
        let insert = try BoundStatement(
            "INSERT INTO reading (series_id, time, sequence, value) VALUES (?, ?, ?, ?)", in: transaction.database)
        try cache.withLock { slot in
            var cache = slot ?? SeriesCache()
            // Whoever throws leaves no cache behind, and neither does a rollback.
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
                try store(reading, sequence, insert, &cache, &outcome, &hasGrown, transaction)
            }
            if hasGrown { forgetOnRollback(transaction) }
            slot = cache
        }
        return outcome
    }

    /// Removes readings of these series that are older than `cutoff`, at most `limit` of them and of few series, and the
    /// series that are empty then.
    ///
    /// - Returns: how many of the series, from the first, are done with, and how many values went.
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
            // It may have more.
            if count >= rest { break }
            if try transaction.removeSeriesIfEmpty(id) { forgetSeries() }
            done += 1
        }
        return (done, removed)
    }

    /// Removes those of the devices that have no series and were silent since `cutoff`; returns how many went.
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

    /// Forgets what is known of series and devices; the next transaction looks in the database. To be called when
    /// another one may have removed some. Numbers that were taken are still this store's.
    func forgetSeries() {
        cache.withLock { slot in
            slot?.devices = [:]
            slot?.count = nil
        }
    }

    /// Forgets everything, the numbers too: they may be free again.
    private func invalidate() {
        cache.withLock { $0 = nil }
    }

    private func store(
        _ reading: Reading, _ sequence: Int64, _ insert: BoundStatement, _ cache: inout SeriesCache,
        _ outcome: inout Outcome, _ hasGrown: inout Bool, _ transaction: StorageTransaction
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
                    outcome.refusedCount += 1
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
            outcome.valueCount += 1
        }
        // Whoever invents devices beyond the limit of series leaves nothing behind.
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
        transaction.database.afterNextTransaction(onCommit: { _ in }, onRollback: { [self] _ in invalidate() })
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
        // Another process may have made it meanwhile: an import.
        let row = try transaction.snapshot.row(
            """
            INSERT INTO series (device, room, metric, unit) VALUES (?, ?, ?, ?)
            ON CONFLICT (device, room, metric, unit) DO UPDATE SET metric = metric RETURNING id
            """, [key.device, key.room, metric.name, metric.unit ?? ""])
        guard let row else { throw DatabaseError(message: "the series \(metric.name) could not be made") }
        return row[0]
    }
}
