package import Core
package import Logging
import NIOCore
package import Storage

/// A reader of stored readings: the points of a chart, and whole ranges page by page.
///
/// Thread-safe. Never blocks the caller's thread.
package final class ReadingHistory: Sendable {
    /// The most series in one response.
    package static let maxSeries = 256
    /// The most values to read at once while a range is streamed.
    private static let pageSize = 1024
    /// The most values of a chart to read at once: a day at one value per second, which takes tens of milliseconds.
    package static let sliceSize = 100_000
    /// The most reads that run at the same time. Others wait, so that joins always find a free database reader.
    private static let maxConcurrentReads = 3
    /// The most reads that may wait. When the queue is full, users with many waiting reads are refused first.
    private static let maxWaitingReads = 200

    private let database: Database
    private let readSemaphore = AsyncSemaphore(permits: maxConcurrentReads, maxWaiting: maxWaitingReads)
    private let logger: Logger

    package init(database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Returns the device's series in rooms that pass `isIncluded`: those of `metrics`, or all when `metrics` is empty.
    ///
    /// - Throws: ``RequestError``: `notFound` when nothing is stored of the device, `invalid` when there are too many
    ///   series.
    package func series(
        of device: String, metrics: [String], where isIncluded: @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> [StoredSeries] {
        let all = try await read { try $0.series(of: device) }.filter { isIncluded($0.room) }
        guard !all.isEmpty else {
            throw RequestError(
                .notFound,
                "There are no readings of the device \"\(device.prefix(128))\" in a room that the token may join.")
        }
        let chosen = metrics.isEmpty ? all : all.filter { metrics.contains($0.metric) }
        guard chosen.count <= Self.maxSeries else {
            throw RequestError(
                .invalid,
                "Too many series (\(chosen.count)); allowed: at most \(Self.maxSeries). Select metrics with metric=…")
        }
        return chosen
    }

    /// Returns at most `maxPoints` points of each series in the range.
    ///
    /// A chart is computed in slices, each from one snapshot. Other reads can run between two slices, and cancelling
    /// the task ends the chart early. Readings stored in the meantime may or may not be included.
    ///
    /// - Parameters:
    ///   - user: The requesting user. When reads have to wait, users are served round robin.
    ///   - isContinued: True if a part of the user's response was already sent; the read is then never refused.
    package func chart(
        of series: [StoredSeries], in range: Range<Timestamp>, maxPoints: Int, sliceSize: Int = sliceSize,
        for user: UserID, isContinued: Bool = false
    ) async throws(RequestError) -> [ReadingChart.Line] {
        var chart = ReadingChart(of: series, in: range, maxPoints: maxPoints)
        try await readSemaphore.wait(for: user, isContinued: isContinued)
        defer { readSemaphore.signal() }
        while true {
            chart = try await read { [chart] snapshot in
                var chart = chart
                try chart.read(sliceSize, from: snapshot)
                return chart
            }
            if chart.isFinished { return chart.lines }
            await readSemaphore.yield(for: user)
        }
    }

    /// Returns the values of the series in the range after `last`, by time; empty at the end.
    ///
    /// - Parameter user: The requesting user. When reads have to wait, users are served round robin.
    package func page(
        of series: [StoredSeries], in range: Range<Timestamp>, after last: StoredValue?, for user: UserID
    ) async throws(RequestError) -> [StoredValue] {
        try await readSemaphore.wait(for: user, isContinued: last != nil)
        defer { readSemaphore.signal() }
        return try await read { snapshot in
            try snapshot.values(of: series.map(\.id), in: range, after: last, limit: Self.pageSize)
        }
    }

    /// Returns at most `limit` stored devices, online or not, sorted by room and name: those after `last`, or the first
    /// if it is `nil`.
    package func devices(after last: DeviceKey?, limit: Int) async throws(RequestError) -> [StoredDevice] {
        try await read { try $0.devices(afterRoom: last?.room ?? "", name: last?.device ?? "", limit: limit) }
    }

    /// Returns the latest stored values of a device, once for each of the first `maxRooms` rooms that pass `isIncluded`.
    package func states(
        of device: String, maxRooms: Int, where isIncluded: @escaping @Sendable (_ room: String) -> Bool
    ) async throws(RequestError) -> [StoredDeviceState] {
        try await read { try $0.deviceStates(named: device, maxRooms: maxRooms, where: isIncluded) }
    }

    private func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws(RequestError) -> Result {
        do {
            return try await database.read(work)
        } catch {
            // The request was cancelled; there is nothing to log.
            if Task.isCancelled { throw RequestError(.storage, "The request was cancelled.") }
            logger.error("Readings cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Readings are unavailable; retry later.")
        }
    }
}
