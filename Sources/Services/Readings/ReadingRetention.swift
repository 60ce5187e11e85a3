package import Logging
package import Storage
package import Telemetry

/// Removes readings that are too old or too many, in portions so small that ingest goes on between them.
package struct ReadingRetention: Sendable {
    /// Rows removed in one transaction: a few milliseconds.
    private static let portion = 2000
    /// Series looked at in one read.
    private static let seriesPerLook = 512

    private let policy: RetentionPolicy
    private let database: Database
    private let writer: RoomWriter
    private let readings: ReadingStore
    private let logger: Logger

    package init(
        policy: RetentionPolicy, database: Database, writer: RoomWriter, readings: ReadingStore, logger: Logger
    ) {
        self.policy = policy
        self.database = database
        self.writer = writer
        self.readings = readings
        self.logger = logger
    }

    /// Removes all that is to go at `now`; returns how many values went. Ends early when the task is cancelled or the
    /// storage fails.
    @discardableResult
    package func clean(at now: Timestamp) async -> Int {
        var removed = 0
        do {
            removed += try await remove(before: policy.cutoff(at: now), silentSince: policy.cutoff(at: now))
            guard policy.isExceeded(by: try await database.read { try $0.usedByteCount() }) else { return removed }
            while !Task.isCancelled, !policy.isSatisfied(by: try await database.read { try $0.usedByteCount() }),
                let oldest = try await database.read({ try $0.oldestReading() }), oldest < now
            {
                let cutoff = policy.sizeCutoff(oldest: oldest, at: now)
                removed += try await remove(before: cutoff, silentSince: policy.cutoff(at: now))
                logger.notice(
                    "Readings were removed because the database has reached its size",
                    metadata: ["before": "\(cutoff)", "bytes": "\(policy.maxBytes)"])
            }
        } catch {
            logger.warning("Old readings were not removed", metadata: ["error": "\(error)"])
        }
        return removed
    }

    private func remove(before cutoff: Timestamp, silentSince silence: Timestamp) async throws -> Int {
        var removed = 0
        var last: Int64 = 0
        while !Task.isCancelled {
            let position = last
            var aged = try await database.read {
                try $0.agedSeries(before: cutoff, after: position, limit: Self.seriesPerLook)
            }[...]
            guard let end = aged.last else { break }
            last = end
            while !aged.isEmpty, !Task.isCancelled {
                let series = aged
                let (done, count) = try await writer.submit(byteCount: 64) { [readings] transaction in
                    RoomWriter.Effect(
                        try readings.remove(
                            series, before: cutoff, silentSince: silence, limit: Self.portion, in: transaction))
                }
                aged = aged.dropFirst(done)
                removed += count
            }
        }
        return removed
    }
}
