package import Core
import OpenSSL
import Realtime
import Storage
package import Tracing

/// A service that stores a chat message, publishes it to the room, then acknowledges it to the sender.
package final class ChatService: Sendable {
    /// A message that was stored and published.
    package struct Sent: Sendable, Equatable {
        package var messageID: String
        package var position: RoomPosition
        /// True when a message with the same idempotency key was sent before. Nothing was sent again.
        package var isRepeated: Bool
    }

    private let writer: DatabaseWriter
    private let appender: RoomHistoryAppender
    private let epoch: String
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let ids: any IDGenerator

    /// Creates a service that writes through `writer`, within the limits of `configuration`.
    package init(
        writer: DatabaseWriter, history: RoomHistory, configuration: HistoryConfiguration, tracer: (any Tracer)? = nil,
        clock: any WallClock = SystemWallClock(), ids: any IDGenerator = RandomIDGenerator()
    ) {
        self.writer = writer
        self.appender = RoomHistoryAppender(configuration: configuration)
        self.epoch = history.epoch
        self.tracer = tracer
        self.clock = clock
        self.ids = ids
    }

    /// Sends a message to a room. `completion` is called on the writer's thread after the message was passed to the
    /// hub, or at once on the calling thread if the message is refused.
    ///
    /// The caller must have checked that `user` may send to the room. A second call with the same idempotency `key`
    /// within 24 h sends nothing. If `trace` is sampled, it is the parent of the message's spans.
    package func send(
        _ content: String, to room: String, from user: UserID, key: String?, trace: TraceContext? = nil,
        completion: @escaping @Sendable (Result<Sent, RequestError>) -> Void
    ) {
        send(.chatMessage, content, to: room, from: user, key: key, trace: trace, completion: completion) { messageID in
            var payload = JSONObjectBuilder()
            payload.add("room_id", room)
            payload.add("user_id", user.rawValue)
            payload.add("content", content)
            payload.add("message_id", messageID)
            return payload.finished()
        }
    }

    /// Sends a message to the inbox of `recipient`, from which all clients of that user get it.
    package func sendDirect(
        _ content: String, to recipient: UserID, from user: UserID, key: String?, trace: TraceContext? = nil,
        completion: @escaping @Sendable (Result<Sent, RequestError>) -> Void
    ) {
        send(
            .directMessage, content, to: recipient.inbox, from: user, key: key, trace: trace,
            completion: completion
        ) { messageID in
            var payload = JSONObjectBuilder()
            payload.add("user_id", user.rawValue)
            payload.add("content", content)
            payload.add("message_id", messageID)
            return payload.finished()
        }
    }

    private func send(
        _ type: MessageType, _ content: String, to room: String, from user: UserID, key: String?, trace: TraceContext?,
        completion: @escaping @Sendable (Result<Sent, RequestError>) -> Void,
        payload: @escaping @Sendable (_ messageID: String) -> [UInt8]
    ) {
        do throws(RequestError) {
            try check(content)
        } catch {
            return completion(.failure(error))
        }
        let key = key.map {
            IdempotencyKey(
                user: user, scope: room, key: $0, contentDigest: Digest.sha256.hash(content.utf8))
        }
        let span = span(type, to: room, under: trace)
        let messageTrace = span.map { MessageTrace(subject: user.rawValue, parent: $0.traceContext) }
        writer.submit(byteCount: content.utf8.count + room.utf8.count + 128, trace: span?.traceContext) {
            [appender, epoch, clock, ids] transaction in
            let now = clock.now()
            if let earlier = try appender.storedMessage(under: key, at: now, in: transaction) {
                return DatabaseWriter.Effect(
                    Sent(
                        messageID: earlier.messageID, position: RoomPosition(offset: earlier.offset, epoch: epoch),
                        isRepeated: true))
            }
            let id = ids.next()
            let message = try appender.append(
                type, id: id, payload: payload(id), to: room, by: .chat(user), at: now, messageTrace: messageTrace,
                in: transaction)
            let offset = message.offset ?? 0
            if let key {
                try transaction.remember(
                    key, messageID: id, offset: offset, at: now, maxPerUser: appender.configuration.maxKeysPerUser)
            }
            let position = RoomPosition(offset: offset, epoch: epoch)
            return DatabaseWriter.Effect(
                Sent(messageID: id, position: position, isRepeated: false), messages: [message])
        } completion: { [clock] result in
            if let span {
                if case .failure(let error) = result { span.setStatus(SpanStatus(code: .error, message: "\(error)")) }
                span.end(at: clock.now())
            }
            completion(result)
        }
    }

    private func span(_ type: MessageType, to room: String, under trace: TraceContext?) -> (any Span)? {
        guard let tracer, let trace, trace.isSampled else { return nil }
        let span = tracer.startSpan("chat.send_message", under: trace, at: clock.now())
        span.updateAttributes { attributes in
            attributes["messaging.destination.name"] = room
            attributes["windsock.message.type"] = type.description
        }
        return span
    }

    private func check(_ content: String) throws(RequestError) {
        let limit = appender.configuration.maxContentBytes
        guard !content.isEmpty else {
            throw RequestError(.invalid, "\"content\" must be a string of 1 to \(limit) bytes.")
        }
        guard content.utf8.count <= limit else {
            throw RequestError(.tooLarge, "\"content\" has \(content.utf8.count) bytes; allowed: at most \(limit).")
        }
    }
}
