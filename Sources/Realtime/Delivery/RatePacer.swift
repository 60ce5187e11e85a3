import HeapModule
import NIOCore
import Telemetry

/// Gives one client the latest value of each series at most as often as it asked for when it joined.
///
/// A message that comes too early waits until its time has come, or until a later one of its series takes its place;
/// no `gap` is told, because the client asked for it. Of several joins that match a room the highest rate wins. A value
/// type on a given clock; only conflatable messages are paced.
///
/// Cost: a message takes one look-up of its series, which keeps its rate until a join changes; what waits is found by a
/// heap of deadlines. The series take 400 KiB at most, and what waits about half of the client's queue.
struct RatePacer {
    /// Series that are paced; those beyond it come as they are. Three quarters of a power of two: as many as a dictionary
    /// holds before it doubles.
    static let maxSeries = 12_288
    /// Bytes of a waiting message beside its frame.
    private static let messageOverhead = 160

    private enum Rate {
        /// No join matches the room any more.
        case left
        case unlimited
        /// The least time between two messages, in whole milliseconds.
        case every(UInt32)
    }

    private final class Join {
        /// In milliseconds; `nil` is no limit.
        var interval: UInt32?
    }

    /// One series in 16 bytes, because a client may have thousands.
    private struct Series {
        private static let unlimited: UInt32 = 0
        private static let left: UInt32 = .max

        /// When its latest message was sent, in nanoseconds of the loop's clock. The lowest bit is ``isScheduled``.
        private var sentAndFlag: UInt64
        /// The interval, or one of the two values above.
        private var milliseconds: UInt32
        /// The version of the joins that the rate is of.
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

        /// True while ``RatePacer/deadlines`` has it.
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

        /// When a message may follow the latest one, if one has to wait.
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
    /// Counts the changes of the joins.
    private var joinVersion: UInt32 = 0
    private var series: [ConflationKey: Series] = [:]
    /// The latest messages of series that wait for their time.
    private var waiting: [ConflationKey: QueuedMessage] = [:]
    private var waitingBytes = 0
    private var deadlines = Heap<Deadline>()
    private let maxWaitingBytes: Int
    /// Set when something may be due earlier than ``deadlines`` has it.
    private var isOutdated = false
    /// The earliest time at which ``deadlines`` may be made anew.
    private var nextReview = NIODeadline.uptimeNanoseconds(0)
    /// The least time between two of these, for a client that changes its rates all the time.
    private static let reviewInterval = TimeAmount.seconds(1)

    /// A pacer for a client with these joins, none of them limited.
    ///
    /// - Parameter queueBytes: of the client's queue. Messages wait up to half of it; beyond that they come as they are.
    init(joined: [TopicFilter], protecting firstLevels: [String], queueBytes: Int) {
        filters = RoomFilterTree(protecting: firstLevels)
        maxWaitingBytes = queueBytes / 2
        for filter in joined { join(filter) }
    }

    /// Whether no join asks for a limit and nothing waits.
    var isIdle: Bool { limitCount == 0 && waiting.isEmpty }
    /// Whether a message waits for its time.
    var isWaiting: Bool { !waiting.isEmpty }

    mutating func join(_ filter: TopicFilter) {
        guard joins[filter] == nil else { return }
        let join = Join()
        joins[filter] = join
        filters.insert(join, under: filter)
        changed(mayBeSooner: true)
    }

    /// Takes a join back: what waits of rooms that no other join matches is given up when its time comes.
    mutating func leave(_ filter: TopicFilter) {
        guard let join = joins.removeValue(forKey: filter) else { return }
        filters.remove(join, under: filter)
        if join.interval != nil { limitCount -= 1 }
        changed(mayBeSooner: false)
    }

    /// Sets or lifts the limit of a join, which may be still to come.
    mutating func set(_ interval: TimeAmount?, for filter: TopicFilter) {
        let interval = interval.map { UInt32(clamping: max(1, ($0.nanoseconds + 999_999) / 1_000_000)) }
        if interval != nil { join(filter) }
        guard let join = joins[filter], join.interval != interval else { return }
        limitCount += (interval == nil ? 0 : 1) - (join.interval == nil ? 0 : 1)
        join.interval = interval
        changed(mayBeSooner: true)
    }

    /// Whether the message goes out now, because it is not paced or its time has come; otherwise it waits.
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
            // An older message of the series must not come after this one.
            sent(key, at: now)
            return true
        }
        waitingBytes += added
        waiting[key] = message
        if !state.isScheduled { schedule(key, at: nextAt) }
        return false
    }

    /// Takes out what has waited long enough, looking at `limit` series at most.
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

    /// Notes that the latest message of a series is on its way; an earlier one that waited is given up.
    mutating func sent(_ key: ConflationKey, at now: NIODeadline) {
        giveUp(key)
        series[key]?.sentAt = now
    }

    private mutating func schedule(_ key: ConflationKey, at deadline: NIODeadline) {
        series[key]?.isScheduled = true
        deadlines.insert(Deadline(at: deadline, key: key))
    }

    /// Gives up the message of a series that waits.
    private mutating func giveUp(_ key: ConflationKey) {
        guard let message = waiting.removeValue(forKey: key) else { return }
        waitingBytes -= Self.cost(of: message)
    }

    private static func cost(of message: QueuedMessage) -> Int { message.frame.readableBytes + messageOverhead }

    /// Makes room for further series; only when that frees many, so that its cost is small for each.
    private mutating func forgetSent() {
        guard deadlines.count < Self.maxSeries / 4 * 3 else { return }
        series = series.filter(\.value.isScheduled)
    }

    private mutating func changed(mayBeSooner: Bool) {
        joinVersion &+= 1
        isOutdated = (isOutdated || mayBeSooner) && !deadlines.isEmpty
    }

    /// Looks at all that waits once more: its rate may be another now.
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

    /// The series with its rate brought up to date; nil when it is new.
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
