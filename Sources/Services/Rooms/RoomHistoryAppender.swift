import Core
import Realtime
import Storage

/// An appender of messages to rooms' histories, within a transaction. All appended messages pass through it, so it
/// enforces the limits on rooms, and trims each room to its maximum number of messages.
struct RoomHistoryAppender {
    /// The number of messages after which a room is trimmed again, which keeps the cost per message low.
    private static let trimInterval: Int64 = 64

    /// The originator of a message. If the message creates a room, the room counts towards the originator's limits.
    enum Originator {
        /// The gateway itself. It has no limits, because its configuration bounds its recipients and messages.
        case gateway
        /// A user who sends a message to a room or to another user.
        case chat(UserID)
        /// A user who sends a notification. Inboxes that it creates do not count as rooms of that user; they have a
        /// separate limit, ``HistoryConfiguration/maxInboxesPerSender``.
        case notification(UserID)
    }

    let configuration: HistoryConfiguration

    /// Appends a message to a room's history. Returns the message to publish after the commit.
    ///
    /// - Parameters:
    ///   - originator: The originator, whose limits apply if the message creates the room.
    ///   - messageTrace: The sender and the parent span; `nil` when the message is not traced.
    /// - Throws: ``RequestError`` (`overloaded`, `rateLimited`) when the message would create a room beyond one of the
    ///   limits.
    func append(
        _ type: MessageType, id: String, payload: [UInt8], to room: String, by originator: Originator,
        at now: Timestamp,
        messageTrace: MessageTrace? = nil, in transaction: StorageTransaction
    ) throws -> Message {
        var owner: UserID?
        var notifier: UserID?
        let snapshot = transaction.snapshot
        switch originator {
        case .gateway: break
        case .chat(let user):
            if try wouldCreateRoom(room, user, in: snapshot) {
                try checkRooms(of: user, making: room, at: now, in: snapshot)
                owner = user
            }
        case .notification(let sender):
            if try wouldCreateRoom(room, sender, in: snapshot) {
                try checkInboxes(of: sender, making: 1, in: snapshot)
                notifier = sender
            }
        }
        let offset = try transaction.append(
            to: room, messageID: id, type: type.description, payload: payload, at: now, owner: owner,
            notifier: notifier)
        if offset % Self.trimInterval == 0 {
            try transaction.trim(room, toLatest: configuration.maxMessagesPerRoom)
        }
        var message = Message(type: type, room: room, payload: payload, timestamp: now, offset: offset)
        message.messageTrace = messageTrace
        return message
    }

    /// Stores a notification for each user. Returns the messages to publish to their inboxes after the commit.
    ///
    /// - Parameter sender: The user towards whose limits the notifications count, and the inboxes that they create for
    ///   users who have never connected; `nil` for the gateway itself.
    func notify(
        _ users: some Sequence<UserID>, of draft: NotificationDraft, id: String, by sender: UserID?, at now: Timestamp,
        messageTrace: MessageTrace?, in transaction: StorageTransaction
    ) throws -> [Message] {
        let payload = NotificationService.payload(of: draft, id: id, at: now)
        let notification = StoredNotification(
            notificationID: id, payload: payload, createdAt: now, expiresAt: draft.expiresAt)
        return try users.map { user in
            try transaction.add(
                notification, for: user, from: sender, maxPerUser: configuration.maxNotificationsPerUser)
            return try append(
                .notification, id: id, payload: payload, to: user.inbox,
                by: sender.map(Originator.notification) ?? .gateway, at: now,
                messageTrace: messageTrace,
                in: transaction)
        }
    }

    /// Returns true if a message from `user` would create the room, and the room would count towards the limits of
    /// `user`. The user's own inbox and inboxes of users who have connected before count towards nobody's limits.
    private func wouldCreateRoom(_ room: String, _ user: UserID, in snapshot: StorageSnapshot) throws -> Bool {
        if try snapshot.hasRoom(room) { return false }
        guard let recipient = UserID(inbox: room) else { return true }
        return try recipient != user && !snapshot.isKnown(user: recipient)
    }

    /// Refuses a room that would exceed the limit on all rooms or on the user's rooms.
    private func checkRooms(
        of user: UserID, making room: String, at now: Timestamp, in snapshot: StorageSnapshot
    ) throws {
        guard try snapshot.roomCount() < configuration.maxRooms else {
            throw RequestError(
                .overloaded,
                "The room \(room) was not created: too many rooms with a history; allowed: at most "
                    + "\(configuration.maxRooms).")
        }
        func check(_ limit: Int, _ range: ClosedRange<Timestamp>, _ period: String) throws {
            guard limit > 0, try snapshot.roomCount(of: user, madeIn: range, limit: limit) >= limit else { return }
            throw RequestError(
                .rateLimited,
                "The room \(room) was not created: too many rooms of \(user); allowed: at most \(limit)\(period).")
        }
        try check(configuration.maxRoomsPerUserAndHour, now.advanced(by: .seconds(-3600))...now, " per hour")
        let ever = Timestamp(nanosecondsSinceEpoch: .min)...Timestamp(nanosecondsSinceEpoch: .max)
        try check(configuration.maxRoomsPerUser, ever, " at a time")
    }

    /// Refuses a notification that would create more inboxes than its sender may have.
    ///
    /// - Throws: ``RequestError`` (`rateLimited`).
    func checkRecipients(_ users: [UserID], by sender: UserID, in snapshot: StorageSnapshot) throws {
        let count = try users.count { try wouldCreateRoom($0.inbox, sender, in: snapshot) }
        try checkInboxes(of: sender, making: count, in: snapshot)
    }

    private func checkInboxes(of sender: UserID, making count: Int, in snapshot: StorageSnapshot) throws {
        let limit = configuration.maxInboxesPerSender
        guard limit > 0, count > 0 else { return }
        let before = try snapshot.inboxCount(madeBy: sender)
        guard before + count > limit else { return }
        throw RequestError(
            .rateLimited,
            "Too many recipients who have never connected (\(count), and \(before) that \(sender) notified before); "
                + "allowed: at most \(limit).")
    }

    /// Returns the message that was stored under an idempotency key; `nil` when the key is unused.
    ///
    /// - Throws: ``RequestError`` (`conflict`) when the key was used for other content.
    func storedMessage(
        under key: IdempotencyKey?, at now: Timestamp, in transaction: StorageTransaction
    ) throws -> (messageID: String, offset: Int64)? {
        guard let key else { return nil }
        let since = now.advanced(by: .zero - configuration.keyLifetime)
        switch try transaction.snapshot.finding(for: key, since: since) {
        case .unused: return nil
        case .used(let messageID, let offset): return (messageID, offset)
        case .conflict:
            throw RequestError(
                .conflict, "The idempotency_key \"\(key.key)\" was used with different content in the last 24 hours.")
        }
    }
}
