package import Logging
import NIOCore
package import Realtime
package import Storage
package import Telemetry

/// Rooms that remember: joining them without a hole or a double, and reading what was said.
///
/// Joining: the shard holds the room's live messages back, the history is read, the writer has published what was
/// committed until then, and then go the answer, what was missed, what was held and is newer, and from then on what is
/// said. Thread-safe.
package final class RoomHistory: Sendable {
    /// How a join went.
    package struct Joined: Sendable {
        /// The room's last message at that instant; what follows has the offsets after it.
        package var position: RoomPosition
        /// Whether everything after the client's last position follows the answer.
        package var isRecovered: Bool
    }

    /// The place of a page in a room's history; its messages are read portion by portion.
    package struct Page: Sendable {
        package var room: String
        /// The user who reads it.
        package var user: String
        package var position: RoomPosition
        /// The offsets that are still to be read, ascending; nil when there are none.
        package var offsets: ClosedRange<Int64>?
        /// Whether there is more in the direction that was asked for.
        package var hasMore: Bool
    }

    /// Which messages a page holds.
    package enum Bound: Sendable {
        /// The last ones before an offset.
        case before(Int64)
        /// The first ones after an offset.
        case after(Int64)
    }

    /// Who missed more is told so instead.
    package static let maxReplayed = 1000

    private let database: Database
    private let writer: RoomWriter
    private let hub: Hub
    private let logger: Logger
    /// Pages that are read at the same time: further ones wait, so that joins always find a free reader.
    private let turns = Turns(free: 2, maxWaiting: 500)

    /// The history that `database` holds of the hub's rooms, as `writer` writes it.
    package init(database: Database, writer: RoomWriter, hub: Hub, logger: Logger) {
        self.database = database
        self.writer = writer
        self.hub = hub
        self.logger = logger
    }

    /// Names this gateway's offsets.
    package var epoch: String { database.epoch }

    /// Joins a client to a room by name; with `since`, what it missed follows the answer, page by page as the client
    /// takes it.
    ///
    /// Call it on the client's loop. `joined` and `completion` are called there: the one makes the answer, the other
    /// comes when all is on its way. When the history cannot be read, the
    /// client has not joined and `joined` gets nil.
    package func join(
        _ client: HubClient, on shard: HubShard, room: TopicFilter, since: RoomPosition?,
        joined: @escaping @Sendable (Joined?) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        let isNew = shard.joinHolding(client, room)
        let name = room.rawValue
        let epoch = database.epoch
        let bound = LoopBoundClient(client, on: shard)
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
                            bound.client, in: name, [answer], through: last,
                            next: missed.flatMap { $0.isEmpty ? nil : pages(of: name, $0, on: shard) },
                            completion: completion)
                    case .failure(let error):
                        logger.error(
                            "A room's history cannot be read", metadata: ["room": "\(name)", "error": "\(error)"])
                        if isNew { shard.leave(bound.client, room) }
                        shard.release(bound.client, in: name, [joined(nil)], through: 0, completion: completion)
                    }
                }
            }
        }
    }

    /// Bytes of payloads of a page.
    package static let maxPageBytes = 1 << 20
    /// Bytes of payloads that are read at once.
    private static let portionByteCount = 64 * 1024

    /// A page of a room's history, for a user: users have their turns round robin.
    package func page(
        of room: String, _ bound: Bound, limit: Int, for user: String
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

    /// The next messages of a page, ascending; afterwards the page has those that follow them.
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
        _ room: String, for user: String, isContinued: Bool,
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws(RequestError) -> Result {
        try await turns.take(for: user, isContinued: isContinued)
        defer { turns.giveBack() }
        do {
            return try await database.read(work)
        } catch {
            logger.error("A room's history cannot be read", metadata: ["room": "\(room)", "error": "\(error)"])
            throw RequestError(.storage, "The history cannot be read now.")
        }
    }

    /// The offsets that came after `since`; nil when nothing was asked for or it cannot be told without a hole.
    private static func missed(
        _ since: RoomPosition?, in room: String, last: Int64, epoch: String, _ snapshot: StorageSnapshot
    ) throws -> Range<Int64>? {
        guard let since, since.epoch == epoch, since.offset >= 0, since.offset <= last,
            last - since.offset <= Int64(maxReplayed)
        else { return nil }
        let kept = try snapshot.messageCount(in: room, after: since.offset, through: last)
        return kept == last - since.offset ? since.offset + 1..<last + 1 : nil
    }

    /// The pages of a room's messages with these offsets. There is none when one of them was removed meanwhile.
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
    /// A message as it was said; nil for a type that this version does not know.
    init?(stored: StoredMessage, in room: String) {
        guard let type = MessageType(storedName: stored.type) else { return nil }
        self.init(
            type: type, room: room, payload: stored.payload, timestamp: stored.createdAt, offset: stored.offset)
    }
}
