import Core
import HeapModule
import NIOCore
import Telemetry

/// A rate limiter for one client. Of each series of messages (those with equal ``ConflationKey``), it delivers the
/// latest at most as often as the client requested when it joined.
///
/// A message that comes too early waits until it is due or a later one of its series replaces it. No `gap` is sent,
/// because the client requested the limit. If several joins match a room, the highest rate applies. Only conflatable
/// messages are paced. A value type; the caller supplies the time.
///
/// Cost: each message takes one lookup of its series, which caches its rate until a join changes. A heap of deadlines
/// finds messages that are due. The series use at most 400 KiB, and waiting messages about half of the client's queue
/// limit.
struct RatePacer {
    /// The maximum number of paced series; messages of further series are not delayed. Three quarters of a power of
    /// two, the number a dictionary holds before it doubles.
    static let maxSeries = 12_288
    /// The estimated bytes of a waiting message in addition to its frame.
    private static let messageOverhead = 160

    private enum Rate {
        /// No join matches the room any more.
        case left
        case unlimited
        /// The minimum interval between two messages, in whole milliseconds.
        case every(UInt32)
    }

    private final class Join {
        /// The minimum interval in milliseconds; `nil` means no limit.
        var interval: UInt32?
    }

    /// The state of one series, in 16 bytes because a client may have thousands.
    private struct Series {
        private static let unlimited: UInt32 = 0
        private static let left: UInt32 = .max

        /// The time at which its latest message was sent, in nanoseconds of the loop's clock. The lowest bit is
        /// ``isScheduled``.
        private var sentAndFlag: UInt64
        /// The interval, ``unlimited`` or ``left``.
        private var milliseconds: UInt32
        /// The version of the joins for which the rate was computed.
        var joinVersion: UInt32

        init(sentAt: NIODeadline, rate: Rate, joinVersion: UInt32) {
            sentAndFlag = 0
            milliseconds = 0
            self.joinVersion = joinVersion
            self.sentAt = sentAt
            self.rate = rate
        }

        var sentAt: NIODeadline {
            get { .uptimeNanoseconds(sentAndFlag & ~1) }
            set { sentAndFlag = newValue.uptimeNanoseconds & ~1 | sentAndFlag & 1 }
        }

        /// True while ``RatePacer/deadlines`` contains the series.
        var isScheduled: Bool {
            get { sentAndFlag & 1 == 1 }
            set { sentAndFlag = sentAndFlag & ~1 | (newValue ? 1 : 0) }
        }

        var rate: Rate {
            get {
                switch milliseconds {
                case Self.unlimited: .unlimited
                case Self.left: .left
                default: .every(milliseconds)
                }
            }
            set {
                milliseconds =
                    switch newValue {
                    case .unlimited: Self.unlimited
                    case .left: Self.left
                    case .every(let interval): interval
                    }
            }
        }

        /// The time at which the next message is due; `nil` if there is no limit.
        var nextAt: NIODeadline? {
            guard case .every(let interval) = rate else { return nil }
            return sentAt + .milliseconds(Int64(interval))
        }
    }

    private struct Deadline: Comparable {
        var at: NIODeadline
        var key: ConflationKey

        static func < (lhs: Deadline, rhs: Deadline) -> Bool { lhs.at < rhs.at }
    }

    private var joins: [TopicFilter: Join] = [:]
    private let filters: RoomFilterTree<Join>
    private var limitCount = 0
    /// Incremented with each change of the joins.
    private var joinVersion: UInt32 = 0
    private var series: [ConflationKey: Series] = [:]
    /// The messages that wait until they are due: at most one per series, the latest.
    private var waiting: [ConflationKey: QueuedMessage] = [:]
    private var waitingBytes = 0
    private var deadlines = Heap<Deadline>()
    private let maxWaitingBytes: Int
    /// Set when a message may be due earlier than its entry in ``deadlines``.
    private var isOutdated = false
    /// The earliest time at which ``deadlines`` may be rebuilt.
    private var nextReview = NIODeadline.uptimeNanoseconds(0)
    /// The minimum interval between two rebuilds, for a client that keeps changing its rates.
    private static let reviewInterval = TimeAmount.seconds(1)

    /// Creates a pacer for a client with these joins and no limits.
    ///
    /// - Parameter queueBytes: The size limit of the client's queue. Up to half of it may wait here; further messages
    ///   are not delayed.
    init(joined: [TopicFilter], protecting firstLevels: [String], queueBytes: Int) {
        filters = RoomFilterTree(protecting: firstLevels)
        maxWaitingBytes = queueBytes / 2
        for filter in joined { join(filter) }
    }

    /// True when no join has a limit and no message waits.
    var isIdle: Bool { limitCount == 0 && waiting.isEmpty }
    /// True when a message waits until it is due.
    var isWaiting: Bool { !waiting.isEmpty }

    mutating func join(_ filter: TopicFilter) {
        guard joins[filter] == nil else { return }
        let join = Join()
        joins[filter] = join
        filters.insert(join, under: filter)
        changed(mayBeSooner: true)
    }

    /// Removes a join. Waiting messages that no other join matches are discarded when they become due.
    mutating func leave(_ filter: TopicFilter) {
        guard let join = joins.removeValue(forKey: filter) else { return }
        filters.remove(join, under: filter)
        if join.interval != nil { limitCount -= 1 }
        changed(mayBeSooner: false)
    }

    /// Sets or removes the limit of a join. The join itself may follow later.
    mutating func set(_ interval: TimeAmount?, for filter: TopicFilter) {
        let interval = interval.map { UInt32(clamping: max(1, ($0.nanoseconds + 999_999) / 1_000_000)) }
        if interval != nil { join(filter) }
        guard let join = joins[filter], join.interval != interval else { return }
        limitCount += (interval == nil ? 0 : 1) - (join.interval == nil ? 0 : 1)
        join.interval = interval
        changed(mayBeSooner: true)
    }

    /// Returns true when the message may be sent now, because it is not paced or is due. Otherwise the message waits.
    mutating func admits(_ message: QueuedMessage, at now: NIODeadline) -> Bool {
        guard case .conflatable(let key) = message.delivery else { return true }
        guard let state = current(key, in: message.room) else {
            if series.count >= Self.maxSeries { forgetSent() }
            if series.count < Self.maxSeries {
                series[key] = Series(sentAt: now, rate: rate(of: message.room), joinVersion: joinVersion)
            }
            return true
        }
        let added = Self.cost(of: message) - (waiting[key].map(Self.cost) ?? 0)
        guard let nextAt = state.nextAt, now < nextAt, waitingBytes + added <= maxWaitingBytes else {
            // An older message of the series must not follow this one.
            sent(key, at: now)
            return true
        }
        waitingBytes += added
        waiting[key] = message
        if !state.isScheduled { schedule(key, at: nextAt) }
        return false
    }

    /// Removes and returns the messages that are due. Examines at most `limit` series.
    mutating func due(at now: NIODeadline, limit: Int) -> [QueuedMessage] {
        if isOutdated, now >= nextReview { review(at: now) }
        var messages: [QueuedMessage] = []
        for _ in 0..<limit {
            guard let next = deadlines.min, next.at <= now else { break }
            deadlines.removeMin()
            series[next.key]?.isScheduled = false
            guard let message = waiting[next.key], let state = current(next.key, in: message.room) else { continue }
            if case .left = state.rate {
                giveUp(next.key)
            } else if let nextAt = state.nextAt, now < nextAt {
                schedule(next.key, at: nextAt)
            } else {
                messages.append(message)
                sent(next.key, at: now)
            }
        }
        return messages
    }

    /// Records that the latest message of a series was sent. Discards an earlier one that waits.
    mutating func sent(_ key: ConflationKey, at now: NIODeadline) {
        giveUp(key)
        series[key]?.sentAt = now
    }

    private mutating func schedule(_ key: ConflationKey, at deadline: NIODeadline) {
        series[key]?.isScheduled = true
        deadlines.insert(Deadline(at: deadline, key: key))
    }

    /// Discards the waiting message of a series.
    private mutating func giveUp(_ key: ConflationKey) {
        guard let message = waiting.removeValue(forKey: key) else { return }
        waitingBytes -= Self.cost(of: message)
    }

    private static func cost(of message: QueuedMessage) -> Int { message.frame.readableBytes + messageOverhead }

    /// Removes series without a scheduled message to make room for others. Runs only when that frees many, so that the
    /// amortised cost is small.
    private mutating func forgetSent() {
        guard deadlines.count < Self.maxSeries / 4 * 3 else { return }
        series = series.filter(\.value.isScheduled)
    }

    private mutating func changed(mayBeSooner: Bool) {
        joinVersion &+= 1
        isOutdated = (isOutdated || mayBeSooner) && !deadlines.isEmpty
    }

    /// Recomputes the deadline of every waiting message, because rates may have changed.
    private mutating func review(at now: NIODeadline) {
        isOutdated = false
        nextReview = now + Self.reviewInterval
        var reviewed: [Deadline] = []
        reviewed.reserveCapacity(waiting.count)
        for deadline in deadlines.unordered { series[deadline.key]?.isScheduled = false }
        for (key, message) in waiting {
            guard let state = current(key, in: message.room) else { continue }
            series[key]?.isScheduled = true
            reviewed.append(Deadline(at: state.nextAt ?? now, key: key))
        }
        deadlines = Heap(reviewed)
    }

    /// Returns the series with its rate brought up to date, or nil when it is new.
    private mutating func current(_ key: ConflationKey, in room: String) -> Series? {
        guard var state = series[key] else { return nil }
        if state.joinVersion != joinVersion {
            state.rate = rate(of: room)
            state.joinVersion = joinVersion
            series[key] = state
        }
        return state
    }

    private func rate(of room: String) -> Rate {
        var shortest: UInt32?
        var hasJoin = false
        var isLimited = true
        filters.forEachMember(matching: room) { join in
            hasJoin = true
            if let interval = join.interval {
                shortest = min(shortest ?? interval, interval)
            } else {
                isLimited = false
            }
        }
        guard hasJoin else { return .left }
        guard isLimited, let shortest else { return .unlimited }
        return .every(shortest)
    }
}
