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
    /// - Parameter journey: who says it and under which span; `nil` when it is not traced.
    func append(
        _ type: MessageType, id: String, payload: [UInt8], to room: String, at now: Timestamp,
        journey: Journey? = nil, in transaction: StorageTransaction
    ) throws -> Message {
        let offset = try transaction.append(
            to: room, messageID: id, type: type.description, payload: payload, at: now)
        if offset == 1, try transaction.snapshot.roomCount() > configuration.maxRooms {
            throw RequestError(
                .overloaded, "At most \(configuration.maxRooms) rooms can have a history; \(room) would be one more.")
        }
        if offset % Self.trimInterval == 0 {
            try transaction.trim(room, toLatest: configuration.maxMessagesPerRoom)
        }
        var message = Message(type: type, room: room, payload: payload, timestamp: now, offset: offset)
        message.journey = journey
        return message
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
