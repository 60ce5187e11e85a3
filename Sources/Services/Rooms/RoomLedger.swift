import Realtime
import Storage
import Telemetry

/// How rooms get their next message within a transaction: one place for offsets, limits and trimming.
struct RoomLedger {
    /// A room is trimmed once in this many messages, so that it costs little per message.
    private static let trimInterval: Int64 = 64

    let configuration: HistoryConfiguration

    /// Appends a message to a room's history and makes what the room is told.
    ///
    /// - Parameters:
    ///   - user: The user on whose account the room is made if there is none; `nil` for the gateway itself, which is
    ///     never refused: whom and what it tells is bounded by its configuration.
    ///   - journey: who says it and under which span; `nil` when it is not traced.
    /// - Throws: ``RequestError`` (`overloaded`, `rateLimited`) when there are too many rooms for one more.
    func append(
        _ type: MessageType, id: String, payload: [UInt8], to room: String, by user: String?, at now: Timestamp,
        journey: Journey? = nil, in transaction: StorageTransaction
    ) throws -> Message {
        var owner: String?
        if let user, try !transaction.snapshot.hasRoom(room) {
            owner = try account(of: user, making: room, at: now, in: transaction.snapshot)
        }
        let offset = try transaction.append(
            to: room, messageID: id, type: type.description, payload: payload, at: now, owner: owner ?? "")
        if offset % Self.trimInterval == 0 {
            try transaction.trim(room, toLatest: configuration.maxMessagesPerRoom)
        }
        var message = Message(type: type, room: room, payload: payload, timestamp: now, offset: offset)
        message.journey = journey
        return message
    }

    /// The user on whose account a room is made; `nil` for the inbox of somebody who has been here.
    private func account(
        of user: String, making room: String, at now: Timestamp, in snapshot: StorageSnapshot
    ) throws -> String? {
        if let recipient = ChatService.user(ofInbox: room), try recipient == user || snapshot.isKnown(user: recipient) {
            return nil
        }
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
        return user
    }

    /// Refuses inboxes of unknown users that are more than the sender may still make.
    ///
    /// - Throws: ``RequestError`` (`overloaded`, `rateLimited`).
    func checkInboxes(
        of users: [String], by sender: String, at now: Timestamp, in snapshot: StorageSnapshot
    ) throws {
        let lastHour = now.advanced(by: .seconds(-3600))...now
        let ever = Timestamp(nanosecondsSinceEpoch: .min)...Timestamp(nanosecondsSinceEpoch: .max)
        var left = max(0, configuration.maxRooms - (try snapshot.roomCount()))
        for (limit, range) in [
            (configuration.maxRoomsPerUserAndHour, lastHour), (configuration.maxRoomsPerUser, ever),
        ] where limit > 0 {
            left = min(left, limit - (try snapshot.roomCount(of: sender, madeIn: range, limit: limit)))
        }
        var unknown = 0
        for user in users where user != sender {
            if try snapshot.isKnown(user: user) || snapshot.hasRoom(ChatService.inbox(of: user)) { continue }
            unknown += 1
            guard unknown <= left else {
                throw RequestError(
                    .rateLimited,
                    "More than \(left) of the \(users.count) users are unknown; \(sender) may make no more inboxes now."
                )
            }
        }
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
