import Realtime
import Storage
import Telemetry

extension RoomLedger {
    /// Gives each of these users a notification; returns what their inboxes are told.
    ///
    /// - Parameter sender: The user who answers for the notifications and for inboxes of users who have never been here;
    ///   `nil` for the gateway itself.
    func notify(
        _ users: some Sequence<String>, of draft: NotificationDraft, id: String, by sender: String?, at now: Timestamp,
        journey: Journey?, in transaction: StorageTransaction
    ) throws -> [Message] {
        let payload = NotificationService.payload(of: draft, id: id, at: now)
        let notification = StoredNotification(
            notificationID: id, payload: payload, createdAt: now, expiresAt: draft.expiresAt)
        return try users.map { user in
            try transaction.add(
                notification, for: user, from: sender ?? "", maxPerUser: configuration.maxNotificationsPerUser)
            return try append(
                .notification, id: id, payload: payload, to: ChatService.inbox(of: user),
                by: sender.map(Cause.notification) ?? .gateway, at: now,
                journey: journey,
                in: transaction)
        }
    }
}
