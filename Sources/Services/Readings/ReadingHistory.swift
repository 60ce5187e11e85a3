package import Logging
import NIOCore
package import Storage
package import Telemetry

/// What devices measured, for whoever asks: points of a chart, and whole ranges page by page.
///
/// Thread-safe; nothing here blocks the caller's thread.
package final class ReadingHistory: Sendable {
    /// Series that one answer may have.
    package static let maxSeries = 256
    /// Values read at once while a range is streamed.
    private static let pageSize = 1024
    /// Values of a chart read at once: a day of one value a second, tens of milliseconds.
    package static let sliceSize = 100_000
    /// Ranges that are read at the same time: further ones wait, so that joins always find a free reader.
    private static let maxConcurrentReads = 3
    /// Reads that may wait for their turn; beyond it the user with the most of them is refused.
    private static let maxWaitingReads = 200

    private let database: Database
    private let turns = Turns(free: maxConcurrentReads, maxWaiting: maxWaitingReads)
    private let logger: Logger

    package init(database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// The device's series in rooms that pass `isIncluded`; of these metrics, or of all when none is named.
    ///
    /// - Throws: ``RequestError``: `notFound` when there is none, `invalid` when there are too many.
    package func series(
        of device: String, metrics: [String], where isIncluded: @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> [StoredSeries] {
        let all = try await read { try $0.series(of: device) }.filter { isIncluded($0.room) }
        guard !all.isEmpty else {
            throw RequestError(
                .notFound,
                "Nothing is stored of the device \"\(device.prefix(128))\" in a room that the token may join.")
        }
        let chosen = metrics.isEmpty ? all : all.filter { metrics.contains($0.metric) }
        guard chosen.count <= Self.maxSeries else {
            throw RequestError(
                .invalid,
                "The device has \(chosen.count) series; at most \(Self.maxSeries) are answered. Name metrics with "
                    + "metric=…")
        }
        return chosen
    }

    /// At most `maxPoints` points of each series in the range.
    ///
    /// Made slice by slice, each of one snapshot: a long one lets others go between, and ends when the task is
    /// cancelled. What is stored meanwhile may be in it or not.
    ///
    /// - Parameters:
    ///   - user: The user who asks: users have their turns round robin.
    ///   - isContinued: Whether it belongs to an answer that has begun: then it is never refused.
    package func chart(
        of series: [StoredSeries], in range: Range<Timestamp>, maxPoints: Int, sliceSize: Int = sliceSize,
        for user: String, isContinued: Bool = false
    ) async throws(RequestError) -> [ReadingChart.Line] {
        var chart = ReadingChart(of: series, in: range, maxPoints: maxPoints)
        try await turns.take(for: user, isContinued: isContinued)
        defer { turns.giveBack() }
        while true {
            chart = try await read { [chart] snapshot in
                var chart = chart
                try chart.read(sliceSize, from: snapshot)
                return chart
            }
            if chart.isFinished { return chart.lines }
            await turns.passOn(for: user)
        }
    }

    /// The values of the series in the range that follow `last`, by time; empty at the end.
    ///
    /// - Parameter user: The user who asks: users have their turns round robin.
    package func page(
        of series: [StoredSeries], in range: Range<Timestamp>, after last: StoredValue?, for user: String
    ) async throws(RequestError) -> [StoredValue] {
        try await turns.take(for: user, isContinued: last != nil)
        defer { turns.giveBack() }
        return try await read { snapshot in
            try snapshot.values(of: series.map(\.id), in: range, after: last, limit: Self.pageSize)
        }
    }

    /// Devices that were ever heard, by room and name: at most `limit` that follow `last`.
    package func devices(after last: DevicePlace?, limit: Int) async throws(RequestError) -> [StoredDevice] {
        try await read { try $0.devices(afterRoom: last?.room ?? "", name: last?.device ?? "", limit: limit) }
    }

    private func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws(RequestError) -> Result {
        do {
            return try await database.read(work)
        } catch {
            // Whoever asked has gone.
            if Task.isCancelled { throw RequestError(.storage, "Nobody waits for these readings any more.") }
            logger.error("Readings cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Readings cannot be read now.")
        }
    }
}
