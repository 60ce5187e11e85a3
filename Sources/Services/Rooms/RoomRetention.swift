package import CoreMetrics
package import Logging
import Metrics
package import Storage
package import Telemetry

/// Removes messages that are too old, rooms that have become empty, and messages and notifications that take too many
/// bytes, in portions so small that other writes go on between them.
///
/// When all messages take more than `history.bytes`, the rooms with the most bytes lose their oldest ones, until they
/// are as large as the next smaller rooms. A flood therefore costs the rooms that it went to, and a room that is below
/// an equal share of the limit keeps everything. In the same way `history.notification_bytes` costs those who sent most
/// of the notifications.
package final class RoomRetention: Sendable {
    /// Messages, rooms or notifications removed in one transaction: a few milliseconds.
    private static let portion = 1000

    private let configuration: HistoryConfiguration
    private let database: Database
    private let writer: RoomWriter
    private let trimmedMessages: Counter
    private let trimmedNotifications: Counter
    private let logger: Logger

    package init(
        configuration: HistoryConfiguration, database: Database, writer: RoomWriter, factory: any MetricsFactory,
        logger: Logger
    ) {
        self.configuration = configuration
        self.database = database
        self.writer = writer
        self.logger = logger
        trimmedMessages = Counter(label: "windsock_history_trimmed_messages", dimensions: [], factory: factory)
        trimmedNotifications = Counter(
            label: "windsock_history_trimmed_notifications", dimensions: [], factory: factory)
    }

    /// Removes messages that are older than `history.age`, and empty rooms in which nobody has spoken for so long. Ends
    /// early when the task is cancelled or the storage fails.
    package func clean(at now: Timestamp) async {
        let cutoff = now.advanced(by: .zero - configuration.maxAge)
        await repeatedly { try $0.removeMessages(before: cutoff, limit: Self.portion) }
        await repeatedly { [configuration] in
            try $0.removeIdleRooms(before: cutoff, limit: Self.portion, remembered: configuration.maxRooms)
        }
    }

    /// Removes messages until all together take at most `history.bytes`, and notifications until all together take at
    /// most `history.notification_bytes`. Costs next to nothing when they do.
    package func trim() async {
        let maxBytes = configuration.maxBytes
        if let bytes = try? await database.read({ try $0.messageByteCount() }), bytes > maxBytes {
            let count = await repeatedly { try $0.trimLargestRoom(above: maxBytes, limit: Self.portion) }
            trimmedMessages.increment(by: count)
            logger.notice(
                "Messages of the largest rooms were removed because all messages have reached their size",
                metadata: ["count": "\(count)", "max_bytes": "\(maxBytes)"])
        }
        let maxNotificationBytes = configuration.maxNotificationBytes
        if let bytes = try? await database.read({ try $0.notificationByteCount() }), bytes > maxNotificationBytes {
            let count = await repeatedly {
                try $0.trimLargestSender(above: maxNotificationBytes, limit: Self.portion)
            }
            trimmedNotifications.increment(by: count)
            logger.notice(
                "Notifications of the largest senders were removed because all notifications have reached their size",
                metadata: ["count": "\(count)", "max_bytes": "\(maxNotificationBytes)"])
        }
    }

    /// Removes portion after portion, until there is nothing left to remove.
    @discardableResult
    private func repeatedly(_ portion: @escaping @Sendable (StorageTransaction) throws -> Int) async -> Int {
        var removed = 0
        do {
            while !Task.isCancelled {
                let count = try await writer.submit(byteCount: 64) { RoomWriter.Effect(try portion($0)) }
                guard count > 0 else { break }
                removed += count
            }
        } catch {
            logger.warning("Old history was not removed", metadata: ["error": "\(error)"])
        }
        return removed
    }
}
