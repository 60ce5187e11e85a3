import Core
package import Logging
package import Storage
package import Telemetry

/// Removes readings that are too old or too many, in portions so small that ingest goes on between them.
package final class ReadingRetention: Sendable {
    /// Rows removed in one transaction: a few milliseconds.
    private static let portion = 2000
    /// Series, or devices, looked at in one read.
    private static let seriesPerLook = 512
    private static let devicesPerLook = 64
    /// Steps that may free nothing, one after the other: pages are shared, and a step may have few values.
    private static let maxUselessSteps = 16

    private let policy: RetentionPolicy
    private let seriesPerCleaning: Int
    private let database: Database
    private let writer: RoomWriter
    private let readings: ReadingStore
    private let logger: Logger
    private let size = Lock(ReadingSize())
    /// The last series that was looked at for its age.
    private let agePosition = Lock<Int64>(0)

    /// - Parameter seriesPerCleaning: Series whose age one cleaning looks at. The next one goes on with those after them,
    ///   so that it takes as long however many there are.
    package init(
        policy: RetentionPolicy, database: Database, writer: RoomWriter, readings: ReadingStore,
        seriesPerCleaning: Int = 8192, logger: Logger
    ) {
        self.policy = policy
        self.seriesPerCleaning = seriesPerCleaning
        self.database = database
        self.writer = writer
        self.readings = readings
        self.logger = logger
    }

    /// Removes what is to go at `now`, of a bounded number of series where it is age that counts; returns how many values
    /// went. Ends early when the task is cancelled or the storage fails.
    @discardableResult
    package func clean(at now: Timestamp) async -> Int {
        var removed = 0
        do {
            let (aged, last) = try await remove(
                before: policy.cutoff(at: now), after: agePosition.withLock { $0 }, maxSeries: seriesPerCleaning)
            agePosition.withLock { $0 = last ?? 0 }
            removed += aged
            removed += try await removeExcess(at: now)
            if last == nil { try await removeDevices(silentSince: policy.cutoff(at: now)) }
        } catch {
            logger.warning("Old readings were not removed", metadata: ["error": "\(error)"])
        }
        return removed
    }

    /// Removes the oldest readings until the others fit.
    private func removeExcess(at now: Timestamp) async throws -> Int {
        var left = try await byteCount(at: now)
        guard policy.isExceeded(by: left) else { return 0 }
        var removed = 0
        var uselessSteps = 0
        while !Task.isCancelled, !policy.isSatisfied(by: left),
            let oldest = try await database.read({ try $0.oldestReading() }), oldest < now
        {
            let cutoff = policy.sizeCutoff(oldest: oldest, at: now)
            removed += try await remove(before: cutoff).count
            logger.notice(
                "Readings were removed because they have reached their size",
                metadata: ["before": "\(cutoff)", "max_bytes": "\(policy.maxBytes)"])
            let before = left
            let used = try await database.read { try $0.usedByteCount() }
            left = size.withLock { $0.readings(of: used) }
            uselessSteps = left < before ? 0 : uselessSteps + 1
            if uselessSteps == Self.maxUselessSteps {
                logger.warning(
                    "Removing readings frees nothing: what else is stored grows as fast",
                    metadata: ["bytes": "\(left)", "max_bytes": "\(policy.maxBytes)"])
                break
            }
        }
        return removed
    }

    /// Bytes that readings take. Says so when the database is larger than they may be, and it is not their fault.
    private func byteCount(at now: Timestamp) async throws -> Int64 {
        let used = try await database.read { try $0.usedByteCount() }
        guard size.withLock({ $0.mustMeasure(used, policy, at: now) }) else {
            return size.withLock { $0.readings(of: used) }
        }
        var others: Int64 = 0
        for name in try await database.read({ try $0.namesBesideReadings() }) {
            others += try await database.read { try $0.byteCount(of: name) }
        }
        let left = size.withLock { [others] size in
            size.measured(others, at: now)
            return size.readings(of: used)
        }
        if !policy.isExceeded(by: left) {
            logger.warning(
                "The database is larger than readings.max_bytes, but not because of readings; none are removed for it",
                metadata: ["bytes": "\(used)", "of_readings": "\(left)", "max_bytes": "\(policy.maxBytes)"])
        }
        return left
    }

    /// Removes values of series after that one.
    ///
    /// - Returns: How many went, and the last series that was looked at; nil when it was the last of all.
    private func remove(
        before cutoff: Timestamp, after first: Int64 = 0, maxSeries: Int = .max
    ) async throws -> (count: Int, last: Int64?) {
        var removed = 0
        var last = first
        var left = maxSeries
        while !Task.isCancelled {
            guard left > 0 else { return (removed, last) }
            let (position, limit) = (last, min(left, Self.seriesPerLook))
            left -= limit
            let look = try await database.read {
                try $0.agedSeries(before: cutoff, after: position, limit: limit)
            }
            guard let end = look.last else { break }
            var aged = look.aged[...]
            last = end
            while !aged.isEmpty, !Task.isCancelled {
                let series = aged
                let (done, count) = try await writer.submit(byteCount: 64) { [readings] transaction in
                    RoomWriter.Effect(
                        try readings.remove(series, before: cutoff, limit: Self.portion, in: transaction))
                }
                aged = aged.dropFirst(done)
                removed += count
            }
        }
        return (removed, nil)
    }

    /// Removes devices whose last reading went and that have said nothing since: looked for beside ingest, so that a
    /// transaction has only those to remove.
    private func removeDevices(silentSince cutoff: Timestamp) async throws {
        var last: StoredDevice?
        while !Task.isCancelled {
            let devices = try await database.read { [last] in
                try $0.forgottenDevices(silentSince: cutoff, after: last, limit: Self.devicesPerLook)
            }
            guard let end = devices.last else { return }
            last = end
            _ = try await writer.submit(byteCount: 64) { [readings] transaction in
                RoomWriter.Effect(try readings.remove(devices, silentSince: cutoff, in: transaction))
            }
        }
    }
}
