package import Core
package import CoreMetrics
package import Logging
import Metrics
package import Storage

/// A cleaner that deletes messages that are too old, rooms that have become empty, and messages and notifications that
/// exceed their size limits. Its transactions are so short that other writes continue in between.
///
/// When all messages exceed `history.bytes`, the largest rooms lose their oldest messages until they are as large as
/// the next smaller rooms. A flood therefore affects only the rooms it went to, and a room below an equal share of the
/// limit keeps everything. In the same way, `history.notification_bytes` affects only the users who sent the most
/// notifications.
package final class RoomRetention: Sendable {
    /// The most messages, rooms or notifications to delete per transaction, which then takes a few milliseconds.
    private static let portion = 1000

    private let configuration: HistoryConfiguration
    private let database: Database
    private let writer: DatabaseWriter
    private let trimmedMessages: Counter
    private let trimmedNotifications: Counter
    private let logger: Logger

    package init(
        configuration: HistoryConfiguration, database: Database, writer: DatabaseWriter, factory: any MetricsFactory,
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

    /// Deletes messages older than `history.age`, and rooms that have been empty and unused for that long. Ends early
    /// when the task is cancelled or the storage fails.
    package func clean(at now: Timestamp) async {
        let cutoff = now.advanced(by: .zero - configuration.maxAge)
        await repeatedly { try $0.removeMessages(before: cutoff, limit: Self.portion) }
        await repeatedly { [configuration] in
            try $0.removeIdleRooms(before: cutoff, limit: Self.portion, remembered: configuration.maxRooms)
        }
    }

    /// Deletes messages until all of them take at most `history.bytes`, and notifications until all of them take at
    /// most `history.notification_bytes`. Cheap when they already do.
    package func trim() async {
        let maxBytes = configuration.maxBytes
        if let bytes = try? await database.read({ try $0.messageByteCount() }), bytes > maxBytes {
            let count = await repeatedly { try $0.trimLargestRoom(above: maxBytes, limit: Self.portion) }
            trimmedMessages.increment(by: count)
            logger.notice(
                "Messages of the largest rooms were removed because all messages exceeded their size limit",
                metadata: ["count": "\(count)", "max_bytes": "\(maxBytes)"])
        }
        let maxNotificationBytes = configuration.maxNotificationBytes
        if let bytes = try? await database.read({ try $0.notificationByteCount() }), bytes > maxNotificationBytes {
            let count = await repeatedly {
                try $0.trimLargestSender(above: maxNotificationBytes, limit: Self.portion)
            }
            trimmedNotifications.increment(by: count)
            logger.notice(
                "Notifications of the largest senders were removed because all notifications exceeded their size limit",
                metadata: ["count": "\(count)", "max_bytes": "\(maxNotificationBytes)"])
        }
    }

    /// Runs deleting transactions until there is nothing left to delete. Returns the number of deleted rows.
    @discardableResult
    private func repeatedly(_ portion: @escaping @Sendable (StorageTransaction) throws -> Int) async -> Int {
        var removed = 0
        do {
            while !Task.isCancelled {
                let count = try await writer.submit(byteCount: 64) { DatabaseWriter.Effect(try portion($0)) }
                guard count > 0 else { break }
                removed += count
            }
        } catch {
            logger.warning("Old history could not be removed", metadata: ["error": "\(error)"])
        }
        return removed
    }
}
