package import Core
package import Logging
import NIOCore
package import Realtime
package import Storage
package import Telemetry

/// The history of rooms: joins clients to rooms without missing or repeating a message, and reads past messages.
///
/// A join runs in this order: the shard holds back the room's live messages; the history is read; the writer publishes
/// everything that was committed by then. The client then gets the answer, the missed messages, the held messages that
/// are newer, and from then on live messages. Thread-safe.
package final class RoomHistory: Sendable {
    /// The result of a join.
    package struct Joined: Sendable {
        /// The room's last message at the time of the join. Later messages have higher offsets.
        package var position: RoomPosition
        /// True when all messages after the client's last position follow the answer.
        package var isRecovered: Bool
    }

    /// A page of a room's history. Its messages are read in portions.
    package struct Page: Sendable {
        package var room: String
        /// The user who reads the page.
        package var user: UserID
        package var position: RoomPosition
        /// The offsets that are still to be read, ascending; `nil` when there are none.
        package var offsets: ClosedRange<Int64>?
        /// True when more messages exist in the requested direction.
        package var hasMore: Bool
    }

    /// The boundary of a page.
    package enum Bound: Sendable {
        /// The last messages before an offset.
        case before(Int64)
        /// The first messages after an offset.
        case after(Int64)
    }

    /// The most missed messages that a joining client is sent. If it missed more, it is sent none of them, and
    /// ``Joined/isRecovered`` is false.
    package static let maxReplayed = 1000

    /// The most payload bytes in a page.
    package static let maxPageBytes = 1 << 20
    /// The payload bytes to read at once.
    private static let portionByteCount = 64 * 1024

    private let database: Database
    private let writer: DatabaseWriter
    private let hub: Hub
    private let logger: Logger
    /// The semaphore that limits concurrent reads of pages, so that joins always find a free database reader.
    private let readSemaphore = AsyncSemaphore(permits: 2, maxWaiting: 500)

    /// Creates the history of the hub's rooms, which `writer` writes to `database`.
    package init(database: Database, writer: DatabaseWriter, hub: Hub, logger: Logger) {
        self.database = database
        self.writer = writer
        self.hub = hub
        self.logger = logger
    }

    /// The identifier of the history that this gateway's offsets refer to. It stays the same for the life of the
    /// database.
    package var epoch: String { database.epoch }

    /// Joins a client to a room by name. With `since`, the missed messages follow the answer, page by page as fast as
    /// the client accepts them.
    ///
    /// Call it on the client's event loop. `joined` and `completion` are called there: `joined` creates the answer.
    /// `completion` follows once the answer and the missed messages have been sent, or the client is gone. If the
    /// history cannot be read, `joined` gets `nil`, and a client that had not joined before is not joined.
    package func join(
        _ client: HubClient, on shard: HubShard, room: TopicFilter, since: RoomPosition?,
        joined: @escaping @Sendable (Joined?) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        let isNew = shard.joinHolding(client, room)
        let name = room.rawValue
        let epoch = database.epoch
        let bound = NIOLoopBound(client, eventLoop: shard.eventLoop)
        database.read { snapshot in
            let last = try snapshot.lastOffset(of: name)
            return (last: last, missed: try Self.missed(since, in: name, last: last, epoch: epoch, snapshot))
        } completion: { [self] result in
            writer.afterPublishing { [self] in
                hub.perform(on: shard) { [self] shard in
                    switch result {
                    case .success(let (last, missed)):
                        let answer = joined(
                            Joined(position: RoomPosition(offset: last, epoch: epoch), isRecovered: missed != nil))
                        shard.release(
                            bound.value, in: name, [answer], through: last,
                            next: missed.flatMap { $0.isEmpty ? nil : pages(of: name, $0, on: shard) },
                            completion: completion)
                    case .failure(let error):
                        logger.error(
                            "A room's history cannot be read", metadata: ["room": "\(name)", "error": "\(error)"])
                        if isNew { shard.leave(bound.value, room) }
                        shard.release(bound.value, in: name, [joined(nil)], through: 0, completion: completion)
                    }
                }
            }
        }
    }

    /// Returns a page of a room's history. When reads have to wait, users are served round robin.
    package func page(
        of room: String, _ bound: Bound, limit: Int, for user: UserID
    ) async throws(RequestError) -> Page {
        try await read(room, for: user, isContinued: false) { [epoch = database.epoch] snapshot in
            let page =
                switch bound {
                case .before(let offset):
                    try snapshot.page(in: room, before: offset, limit: limit, maxBytes: Self.maxPageBytes)
                case .after(let offset):
                    try snapshot.page(in: room, after: offset, limit: limit, maxBytes: Self.maxPageBytes)
                }
            return Page(
                room: room, user: user, position: RoomPosition(offset: try snapshot.lastOffset(of: room), epoch: epoch),
                offsets: page.offsets, hasMore: page.hasMore)
        }
    }

    /// Returns the page's next messages, ascending, and advances the page past them.
    package func messages(of page: inout Page) async throws(RequestError) -> [Message] {
        guard let offsets = page.offsets else { return [] }
        let stored = try await read(page.room, for: page.user, isContinued: true) { [room = page.room] snapshot in
            try snapshot.messages(in: room, offsets: offsets, maxBytes: Self.portionByteCount)
        }
        if let last = stored.last?.offset, last < offsets.upperBound {
            page.offsets = (last + 1)...offsets.upperBound
        } else {
            page.offsets = nil
        }
        return stored.compactMap { Message(stored: $0, in: page.room) }
    }

    private func read<Result: Sendable>(
        _ room: String, for user: UserID, isContinued: Bool,
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws(RequestError) -> Result {
        try await readSemaphore.wait(for: user, isContinued: isContinued)
        defer { readSemaphore.signal() }
        do {
            return try await database.read(work)
        } catch {
            logger.error("A room's history cannot be read", metadata: ["room": "\(room)", "error": "\(error)"])
            throw RequestError(.storage, "The history is unavailable; retry later.")
        }
    }

    /// Returns the offsets after `since`; `nil` when `since` is `nil`, or the messages are more than ``maxReplayed`` or
    /// cannot be delivered without a gap.
    private static func missed(
        _ since: RoomPosition?, in room: String, last: Int64, epoch: String, _ snapshot: StorageSnapshot
    ) throws -> Range<Int64>? {
        guard let since, since.epoch == epoch, since.offset >= 0, since.offset <= last,
            last - since.offset <= Int64(maxReplayed)
        else { return nil }
        let kept = try snapshot.messageCount(in: room, after: since.offset, through: last)
        return kept == last - since.offset ? since.offset + 1..<last + 1 : nil
    }

    /// Returns a function that reads the messages with these offsets page by page, to send them to a client. It passes
    /// `nil` instead of a page if one of the messages was deleted in the meantime or cannot be read.
    private func pages(of room: String, _ offsets: Range<Int64>, on shard: HubShard) -> Replay.NextPage {
        let (loop, pageBytes) = (shard.eventLoop, shard.replayPageBytes)
        let next = NIOLoopBoundBox(offsets.lowerBound, eventLoop: loop)
        return { [database, logger] take in
            let first = next.value
            database.read {
                try $0.messages(
                    in: room, after: first - 1, through: offsets.upperBound - 1, limit: Replay.Page.maxCount,
                    maxBytes: pageBytes)
            } completion: { result in
                loop.execute {
                    switch result {
                    case .success(let stored):
                        let end = first + Int64(stored.count)
                        guard !stored.isEmpty, stored.first?.offset == first, stored.last?.offset == end - 1 else {
                            return take(nil)
                        }
                        next.value = end
                        take(
                            Replay.Page(
                                stored.compactMap { Message(stored: $0, in: room) }, isLast: end >= offsets.upperBound))
                    case .failure(let error):
                        logger.error(
                            "A room's history cannot be read", metadata: ["room": "\(room)", "error": "\(error)"])
                        take(nil)
                    }
                }
            }
        }
    }
}

extension Message {
    /// Creates a message from its stored form; `nil` for a type that this version does not know.
    init?(stored: StoredMessage, in room: String) {
        guard let type = MessageType(storedName: stored.type) else { return nil }
        self.init(
            type: type, room: room, payload: stored.payload, timestamp: stored.createdAt, offset: stored.offset)
    }
}

/// A position in a room's history.
package struct RoomPosition: Sendable, Equatable {
    /// The offset of the last preceding message; 0 when there is none.
    package var offset: Int64
    /// The history that the offset belongs to. Offsets of different epochs cannot be compared.
    package var epoch: String

    package init(offset: Int64, epoch: String) {
        self.offset = offset
        self.epoch = epoch
    }
}
