import Realtime
import Storage
import Telemetry

extension RoomLedger {
    /// Gives each of these users a notification; returns what their inboxes are told.
    func notify(
        _ users: some Sequence<String>, of draft: NotificationDraft, id: String, at now: Timestamp,
        journey: Journey?, in transaction: StorageTransaction
    ) throws -> [Message] {
        let payload = NotificationService.payload(of: draft, id: id, at: now)
        let notification = StoredNotification(
            notificationID: id, payload: payload, createdAt: now, expiresAt: draft.expiresAt)
        return try users.map { user in
            try transaction.add(notification, for: user, maxPerUser: configuration.maxNotificationsPerUser)
            return try append(
                .notification, id: id, payload: payload, to: ChatService.inbox(of: user), at: now, journey: journey,
                in: transaction)
        }
    }
}
