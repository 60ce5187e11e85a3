package import Core
package import Logging
package import Storage

/// A cleaner that deletes readings that are too old or exceed the size limit, in transactions so short that ingest
/// continues in between.
package final class ReadingRetention: Sendable {
    /// The most rows to delete per transaction, which then takes a few milliseconds.
    private static let portion = 2000
    /// The number of series, and of devices, to examine per database read.
    private static let seriesPerLook = 512
    private static let devicesPerLook = 64
    /// The number of consecutive deletions without freed space after which ``removeExcess(at:)`` stops. Some are
    /// normal: series share database pages, and a deletion may contain few values.
    private static let maxUselessSteps = 16

    private let policy: RetentionPolicy
    private let seriesPerCleaning: Int
    private let database: Database
    private let writer: DatabaseWriter
    private let readings: ReadingStore
    private let logger: Logger
    private let size = Lock(ReadingSize())
    /// The ID of the last series that was checked for old values; 0 to begin with the first.
    private let agePosition = Lock<Int64>(0)

    /// - Parameter seriesPerCleaning: The number of series to check per call of ``clean(at:)``. The next call continues
    ///   after them, so that a call takes the same time however many series there are.
    package init(
        policy: RetentionPolicy, database: Database, writer: DatabaseWriter, readings: ReadingStore,
        seriesPerCleaning: Int = 8192, logger: Logger
    ) {
        self.policy = policy
        self.seriesPerCleaning = seriesPerCleaning
        self.database = database
        self.writer = writer
        self.readings = readings
        self.logger = logger
    }

    /// Deletes old and excess readings, and returns the number of deleted values. Checks the age of readings in at most
    /// `seriesPerCleaning` series. Ends early when the task is cancelled or the storage fails.
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
            logger.warning("Old readings could not be removed", metadata: ["error": "\(error)"])
        }
        return removed
    }

    /// Deletes the oldest readings until the rest fits the size limit.
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
                "Readings were removed because they exceeded their size limit",
                metadata: ["before": "\(cutoff)", "max_bytes": "\(policy.maxBytes)"])
            let before = left
            let used = try await database.read { try $0.usedByteCount() }
            left = size.withLock { $0.readings(of: used) }
            uselessSteps = left < before ? 0 : uselessSteps + 1
            if uselessSteps == Self.maxUselessSteps {
                logger.warning(
                    "Removing readings frees no space because other data grows as fast",
                    metadata: ["bytes": "\(left)", "max_bytes": "\(policy.maxBytes)"])
                break
            }
        }
        return removed
    }

    /// Returns the bytes used by readings. Logs when the database exceeds the limit but readings are not the cause.
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
                "The database exceeds readings.max_bytes, but not because of readings; no readings are removed",
                metadata: ["bytes": "\(used)", "of_readings": "\(left)", "max_bytes": "\(policy.maxBytes)"])
        }
        return left
    }

    /// Deletes values older than `cutoff` from at most `maxSeries` series, beginning after the series ID `first`.
    ///
    /// - Returns: The number of deleted values, and the last series that was checked; `nil` when no series follows it.
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
                    DatabaseWriter.Effect(
                        try readings.remove(series, before: cutoff, limit: Self.portion, in: transaction))
                }
                aged = aged.dropFirst(done)
                removed += count
            }
        }
        return (removed, nil)
    }

    /// Deletes devices that have no readings left and were silent since `cutoff`. The search runs outside the writing
    /// transaction, so that the transaction only deletes.
    private func removeDevices(silentSince cutoff: Timestamp) async throws {
        var last: StoredDevice?
        while !Task.isCancelled {
            let devices = try await database.read { [last] in
                try $0.forgottenDevices(silentSince: cutoff, after: last, limit: Self.devicesPerLook)
            }
            guard let end = devices.last else { return }
            last = end
            _ = try await writer.submit(byteCount: 64) { [readings] transaction in
                DatabaseWriter.Effect(try readings.remove(devices, silentSince: cutoff, in: transaction))
            }
        }
    }
}

/// A measurement of the bytes that readings use: the bytes in use in the database, minus those of all other data.
///
/// Other data is measured only when the size limit is exceeded, because measuring reads all of it. It is small unless
/// somebody floods the database with messages.
struct ReadingSize: Sendable {
    /// The bytes of all data other than readings at the last measurement; 0 before the first.
    private(set) var others: Int64 = 0
    private var measuredAt: Timestamp?

    /// Returns the bytes used by readings when the database uses `used` bytes altogether. If other data has grown since
    /// the last measurement, the result is too high.
    func readings(of used: Int64) -> Int64 { max(0, used - others) }

    /// Returns true if the database exceeds the size limit and ``others`` must be measured again, because the last
    /// measurement is at least an hour old or readings would be deleted because of it.
    func mustMeasure(_ used: Int64, _ policy: RetentionPolicy, at now: Timestamp) -> Bool {
        guard policy.isExceeded(by: used) else { return false }
        guard let measuredAt, now.since(measuredAt) < .seconds(3600) else { return true }
        return policy.isExceeded(by: readings(of: used))
    }

    mutating func measured(_ others: Int64, at now: Timestamp) {
        self.others = others
        measuredAt = now
    }
}
