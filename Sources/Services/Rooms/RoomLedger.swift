import Realtime
import Storage
import Telemetry

/// How rooms get their next message within a transaction: one place for offsets, limits and trimming.
struct RoomLedger {
    /// A room is trimmed once in this many messages, so that it costs little per message.
    private static let trimInterval: Int64 = 64

    /// The party that is charged for a room that a message makes.
    enum Cause {
        /// The gateway itself, which is never refused: its configuration bounds whom and what it tells.
        case gateway
        /// A user who says something in a room, or to somebody.
        case chat(String)
        /// A user who sends a notification. Inboxes that it makes are no rooms of that user, and have a limit of their
        /// own.
        case notification(String)
    }

    let configuration: HistoryConfiguration

    /// Appends a message to a room's history and makes what the room is told.
    ///
    /// - Parameters:
    ///   - cause: Who answers for the room if there is none.
    ///   - journey: who says it and under which span; `nil` when it is not traced.
    /// - Throws: ``RequestError`` (`overloaded`, `rateLimited`) when there are too many rooms for one more.
    func append(
        _ type: MessageType, id: String, payload: [UInt8], to room: String, by cause: Cause, at now: Timestamp,
        journey: Journey? = nil, in transaction: StorageTransaction
    ) throws -> Message {
        var owner = ""
        var notifier = ""
        let snapshot = transaction.snapshot
        switch cause {
        case .gateway: break
        case .chat(let user):
            if try makesRoom(room, user, in: snapshot) {
                try checkRooms(of: user, making: room, at: now, in: snapshot)
                owner = user
            }
        case .notification(let sender):
            if try makesRoom(room, sender, in: snapshot) {
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
        message.journey = journey
        return message
    }

    /// Whether a user makes the room, and answers for it. Nobody does for inboxes of those who have been here.
    private func makesRoom(_ room: String, _ user: String, in snapshot: StorageSnapshot) throws -> Bool {
        if try snapshot.hasRoom(room) { return false }
        guard let recipient = ChatService.user(ofInbox: room) else { return true }
        return try recipient != user && !snapshot.isKnown(user: recipient)
    }

    /// Refuses a room that is one more than there may be, or than the user may make.
    private func checkRooms(
        of user: String, making room: String, at now: Timestamp, in snapshot: StorageSnapshot
    ) throws {
        guard try snapshot.roomCount() < configuration.maxRooms else {
            throw RequestError(
                .overloaded, "At most \(configuration.maxRooms) rooms can have a history; \(room) would be one more.")
        }
        func check(_ limit: Int, _ range: ClosedRange<Timestamp>, _ period: String) throws {
            guard limit > 0, try snapshot.roomCount(of: user, madeIn: range, limit: limit) >= limit else { return }
            throw RequestError(
                .rateLimited,
                "\(user) has made \(limit) rooms\(period), the most that is allowed; \(room) would be one more.")
        }
        try check(configuration.maxRoomsPerUserAndHour, now.advanced(by: .seconds(-3600))...now, " within an hour")
        let ever = Timestamp(nanosecondsSinceEpoch: .min)...Timestamp(nanosecondsSinceEpoch: .max)
        try check(configuration.maxRoomsPerUser, ever, " that are still kept")
    }

    /// Throws when the notification would make more inboxes than the sender may still have.
    ///
    /// - Throws: ``RequestError`` (`rateLimited`).
    func checkRecipients(_ users: [String], by sender: String, in snapshot: StorageSnapshot) throws {
        let count = try users.count { try makesRoom(ChatService.inbox(of: $0), sender, in: snapshot) }
        try checkInboxes(of: sender, making: count, in: snapshot)
    }

    private func checkInboxes(of sender: String, making count: Int, in snapshot: StorageSnapshot) throws {
        let limit = configuration.maxInboxesPerSender
        guard limit > 0, count > 0 else { return }
        let before = try snapshot.inboxCount(madeBy: sender)
        guard before + count > limit else { return }
        throw RequestError(
            .rateLimited,
            "\(count) users have never been here. \(sender) has notified \(before) such users before; at most \(limit) "
                + "are allowed.")
    }

    /// What a key was used for; nil when it is free.
    ///
    /// - Throws: ``RequestError`` (`conflict`) when it was used for other content.
    func earlier(
        _ key: IdempotencyKey?, at now: Timestamp, in transaction: StorageTransaction
    ) throws -> (messageID: String, offset: Int64)? {
        guard let key else { return nil }
        let since = now.advanced(by: .zero - configuration.keyLifetime)
        switch try transaction.snapshot.finding(for: key, since: since) {
        case .unused: return nil
        case .used(let messageID, let offset): return (messageID, offset)
        case .conflict:
            throw RequestError(
                .conflict, "The idempotency_key \"\(key.key)\" was used for other content in the last 24 hours.")
        }
    }
}
