package import Core
package import Logging
import NIOCore
package import Realtime
package import Storage
import Telemetry
package import Tracing

/// A service that stores notifications, pushes them to all of a user's clients, and keeps them as unread until the user
/// marks them as read.
///
/// Notifications go through the user's inbox, which is a room like any other. A client that was disconnected recovers
/// the missed ones by offset. When one client marks a notification as read, all clients of the user are informed.
package final class NotificationService: Sendable {
    /// A notification that was stored and published.
    package struct Sent: Sendable, Equatable {
        package var notificationID: String
        package var recipientCount: Int
        /// True when a notification with the same idempotency key was sent before. Nothing was sent again.
        package var isRepeated: Bool
    }

    /// The notifications to mark as read.
    package enum Selection: Sendable, Equatable {
        case one(String)
        case all
    }

    /// A page of a user's notifications, newest first.
    package struct Page: Sendable {
        package var unreadCount: Int
        package var notifications: [StoredNotification]
        package var hasMore: Bool
    }

    /// The most unread notifications sent after `welcome`.
    package static let maxWelcomed = 100
    /// The minimum interval between two writes of the time at which a user last connected.
    private static let visitInterval = Duration.seconds(3600)
    private static let maxVisits = 65_536

    /// The smallest and the largest number of recipients per transaction (the last one may have fewer). A transaction
    /// is so short that other writes wait at most some ten milliseconds.
    private static let minPortion = 16
    private static let maxPortion = 256
    /// The most bytes per transaction, unless ``minPortion`` recipients need more. Each recipient gets a copy.
    private static let maxPortionBytes = 256 << 10

    private let writer: DatabaseWriter
    private let database: Database
    private let hub: Hub
    private let appender: RoomHistoryAppender
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let ids: any IDGenerator
    private let logger: Logger
    private let visits = Lock<[UserID: Timestamp]>([:])
    /// The users whose notification is being stored in several transactions. A user may have one such notification at a
    /// time.
    private let bulkSenders = Lock<Set<UserID>>([])

    /// Creates a service that writes through `writer` to `database`.
    package init(
        writer: DatabaseWriter, database: Database, hub: Hub, configuration: HistoryConfiguration,
        tracer: (any Tracer)? = nil,
        clock: any WallClock = SystemWallClock(), ids: any IDGenerator = RandomIDGenerator(), logger: Logger
    ) {
        self.writer = writer
        self.database = database
        self.hub = hub
        self.appender = RoomHistoryAppender(configuration: configuration)
        self.tracer = tracer
        self.clock = clock
        self.ids = ids
        self.logger = logger
    }

    // MARK: Sending

    /// Sends a notification to each of the users once. A notification with many recipients is stored in several
    /// transactions, so that other writes can run in between. The idempotency key is stored in the last transaction.
    ///
    /// - Parameters:
    ///   - sender: The sending user, to whom `key` belongs.
    ///   - key: The idempotency key. A second call with the same key within 24 h sends nothing.
    ///   - trace: The parent of the notification's spans when it is sampled.
    package func send(
        _ draft: NotificationDraft, to users: [UserID], from sender: UserID, key: String?, trace: TraceContext? = nil
    ) async throws(RequestError) -> Sent {
        guard let tracer, let trace, trace.isSampled else {
            return try await store(draft, for: users, from: sender, key: key, under: nil)
        }
        let span = tracer.startSpan("notification.send", under: trace, at: clock.now())
        defer { span.end(at: clock.now()) }
        do throws(RequestError) {
            let sent = try await store(draft, for: users, from: sender, key: key, under: span.traceContext)
            span.updateAttributes { $0["recipients.count"] = sent.recipientCount }
            return sent
        } catch {
            span.setStatus(SpanStatus(code: .error, message: "\(error)"))
            throw error
        }
    }

    private func store(
        _ draft: NotificationDraft, for users: [UserID], from sender: UserID, key: String?, under span: TraceContext?
    ) async throws(RequestError) -> Sent {
        let limit = appender.configuration.maxRecipients
        guard users.count <= limit else {
            throw RequestError(.invalid, "Too many recipients (\(users.count)); allowed: at most \(limit).")
        }
        let users = Array(Set(users)).sorted()
        let key = key.map {
            IdempotencyKey(
                user: sender, scope: IdempotencyKey.notifications, key: $0, contentDigest: Self.digest(of: draft, users)
            )
        }
        let size = draft.title.utf8.count + draft.body.utf8.count + (draft.link?.utf8.count ?? 0) + 512
        let portion = max(Self.minPortion, min(Self.maxPortion, Self.maxPortionBytes / size))
        let messageTrace = span.map { MessageTrace(subject: sender.rawValue, parent: $0) }
        guard users.count > portion else {
            return try await store(
                draft, id: ids.next(), for: users[...], of: users.count, size, from: sender, key: (key, key),
                messageTrace)
        }
        guard bulkSenders.withLock({ $0.insert(sender).inserted }) else {
            throw RequestError(
                .rateLimited,
                "Another notification from \(sender) to more than \(portion) users is in progress; retry later.")
        }
        defer { _ = bulkSenders.withLock { $0.remove(sender) } }
        try await checkRecipients(users, by: sender)
        let id = ids.next()
        var rest = users[...]
        while true {
            let part = rest.prefix(portion)
            let isFirst = rest.count == users.count
            rest = rest.dropFirst(part.count)
            let sent = try await store(
                draft, id: id, for: part, of: users.count, size, from: sender,
                key: (isFirst ? key : nil, rest.isEmpty ? key : nil), messageTrace)
            if sent.isRepeated || rest.isEmpty { return sent }
        }
    }

    /// Stores a notification in one transaction for `users`, who are some or all of its recipients.
    ///
    /// - Parameters:
    ///   - count: The number of all recipients.
    ///   - key: The idempotency key, as `asked` if this transaction must look it up before it stores anything, and as
    ///     `used` if it must store the key.
    private func store(
        _ draft: NotificationDraft, id: String, for users: ArraySlice<UserID>, of count: Int, _ size: Int,
        from sender: UserID, key: (asked: IdempotencyKey?, used: IdempotencyKey?), _ messageTrace: MessageTrace?
    ) async throws(RequestError) -> Sent {
        try await writer.submit(byteCount: users.count * size, trace: messageTrace?.parent) { [self] transaction in
            let now = clock.now()
            if let earlier = try appender.storedMessage(under: key.asked, at: now, in: transaction) {
                return DatabaseWriter.Effect(
                    Sent(notificationID: earlier.messageID, recipientCount: Int(earlier.offset), isRepeated: true))
            }
            let messages = try appender.notify(
                users, of: draft, id: id, by: sender, at: now, messageTrace: messageTrace, in: transaction)
            if let key = key.used {
                try transaction.remember(
                    key, messageID: id, offset: Int64(count), at: now,
                    maxPerUser: appender.configuration.maxKeysPerUser)
            }
            return DatabaseWriter.Effect(
                Sent(notificationID: id, recipientCount: count, isRepeated: false), messages: messages)
        }
    }

    /// Throws if a notification to `users` would create more inboxes than the sender may have. Called before the first
    /// of several transactions, so that no recipient gets a notification that is refused later.
    private func checkRecipients(_ users: [UserID], by sender: UserID) async throws(RequestError) {
        do {
            try await database.read { [appender] in try appender.checkRecipients(users, by: sender, in: $0) }
        } catch let error as RequestError {
            throw error
        } catch {
            logger.error("Inboxes cannot be read", metadata: ["error": "\(error)"])
            throw .storageFailed
        }
    }

    /// Returns the users who are connected, and those who have connected before. Of the latter, it returns at most one
    /// more than the limit of recipients, which is enough for a notification to be refused.
    package func everybody() async throws(RequestError) -> [UserID] {
        let limit = appender.configuration.maxRecipients
        do {
            let known = try await database.read { try $0.knownUsers(limit: limit + 1) }
            // Share links have no inbox.
            return Array(Set(known + hub.presence.snapshot().onlineUsers.filter { !$0.isShare }))
        } catch {
            logger.error("Known users cannot be read", metadata: ["error": "\(error)"])
            throw .storageFailed
        }
    }

    // MARK: Reading

    /// Marks notifications as read and tells all of the user's clients. Passes the new unread count to `completion`.
    package func markRead(
        _ selection: Selection, by user: UserID,
        completion: @escaping @Sendable (Result<Int, RequestError>) -> Void
    ) {
        writer.submit(byteCount: 256) { [appender, clock, ids] transaction in
            let now = clock.now()
            let hasChanged: Bool
            switch selection {
            case .all: hasChanged = try transaction.markAllRead(of: user, at: now) > 0
            case .one(let id):
                hasChanged = try transaction.markRead(id, of: user, at: now)
                if !hasChanged, try !transaction.snapshot.hasNotification(id, of: user) {
                    throw RequestError(.notFound, "Unknown notification \"\(id.prefix(64))\".")
                }
            }
            let unread = try transaction.snapshot.unreadCount(of: user, at: now)
            guard hasChanged else { return DatabaseWriter.Effect(unread) }
            let message = try appender.append(
                .notificationRead, id: ids.next(), payload: Self.payload(of: selection, unread: unread),
                to: user.inbox, by: .gateway, at: now, in: transaction)
            return DatabaseWriter.Effect(unread, messages: [message])
        } completion: {
            completion($0)
        }
    }

    /// Returns at most `limit` of the user's notifications, newest first: those older than the notification `id`, or
    /// the newest if it is `nil`.
    package func page(
        of user: UserID, before id: String?, unreadOnly: Bool, limit: Int
    ) async throws(RequestError) -> Page {
        let now = clock.now()
        do {
            return try await database.read { snapshot in
                let found = try snapshot.notifications(
                    of: user, before: id, unreadOnly: unreadOnly, at: now, limit: limit + 1)
                return Page(
                    unreadCount: try snapshot.unreadCount(of: user, at: now),
                    notifications: Array(found.prefix(limit)), hasMore: found.count > limit)
            }
        } catch {
            logger.error("Notifications cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Notifications are unavailable; retry later.")
        }
    }

    // MARK: Connecting

    /// The state of a user's inbox when a client connects.
    package struct Inbox: Sendable {
        package var position: RoomPosition
        package var unreadCount: Int
    }

    /// Joins a client to its user's inbox. The client gets `welcome`, then its unread notifications, then live ones.
    ///
    /// Call it on the client's event loop; `welcome` and `completion` are called there. When the storage fails, the
    /// client is not joined to its inbox and `welcome` gets `nil`.
    package func open(
        _ client: HubClient, on shard: HubShard,
        welcome: @escaping @Sendable (Inbox?) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        let user = client.user
        let room = user.inbox
        guard let filter = try? TopicFilter(room) else { return completion() }
        let now = clock.now()
        let epoch = database.epoch
        recordVisit(of: user, at: now)
        shard.joinHolding(client, filter)
        let bound = NIOLoopBound(client, eventLoop: shard.eventLoop)
        database.read { snapshot in
            (
                last: try snapshot.lastOffset(of: room),
                unread: try snapshot.unreadCount(of: user, at: now),
                unreadRange: try snapshot.unreadRange(of: user, at: now, limit: Self.maxWelcomed)
            )
        } completion: { [self] result in
            writer.afterPublishing { [self] in
                hub.perform(on: shard) { [self] shard in
                    switch result {
                    case .success(let (last, unread, unreadRange)):
                        let inbox = Inbox(position: RoomPosition(offset: last, epoch: epoch), unreadCount: unread)
                        shard.release(
                            bound.value, in: room, [welcome(inbox)], through: last,
                            next: unreadRange.map { pages(of: user, in: $0, at: now, on: shard) },
                            completion: completion)
                    case .failure(let error):
                        logger.error("An inbox cannot be read", metadata: ["error": "\(error)"])
                        shard.leave(bound.value, filter)
                        shard.send([welcome(nil)], to: bound.value)
                        shard.eventLoop.execute(completion)
                    }
                }
            }
        }
    }

    /// Returns a function that reads the user's unread notifications in `range` page by page, to send them to a client.
    private func pages(
        of user: UserID, in range: ClosedRange<Int64>, at now: Timestamp, on shard: HubShard
    ) -> Replay.NextPage {
        let (loop, pageBytes) = (shard.eventLoop, shard.replayPageBytes)
        let room = user.inbox
        let next = NIOLoopBoundBox(range.lowerBound, eventLoop: loop)
        return { [database, logger] take in
            let rest = next.value...range.upperBound
            database.read {
                try $0.unreadNotifications(
                    of: user, in: rest, at: now, limit: Replay.Page.maxCount, maxBytes: pageBytes)
            } completion: { result in
                loop.execute {
                    switch result {
                    case .success(let found):
                        let last = found.last?.sequence ?? range.upperBound
                        if last < range.upperBound { next.value = last + 1 }
                        let messages = found.map {
                            Message(
                                type: .notification, room: room, payload: Self.snapshot($0.notification.payload),
                                timestamp: now)
                        }
                        take(Replay.Page(messages, isLast: last >= range.upperBound))
                    case .failure(let error):
                        logger.error("An inbox cannot be read", metadata: ["error": "\(error)"])
                        take(nil)
                    }
                }
            }
        }
    }

    private func recordVisit(of user: UserID, at now: Timestamp) {
        let isDue = visits.withLock { visits in
            if let last = visits[user], now.since(last) < Self.visitInterval { return false }
            if visits.count >= Self.maxVisits { visits.removeAll() }
            visits[user] = now
            return true
        }
        guard isDue else { return }
        writer.submit(byteCount: 64) { transaction in
            try transaction.recordVisit(of: user, at: now)
            return DatabaseWriter.Effect(())
        } completion: { _ in
        }
    }
}
