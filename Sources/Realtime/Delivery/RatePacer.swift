import NIOCore
import Telemetry

/// Gives one client the latest value of each series at most as often as it asked for when it joined.
///
/// A message that comes too early waits until its time has come, or until a later one of its series takes its place;
/// no `gap` is told, because the client asked for it. Of several joins that match a room the highest rate wins. A value
/// type on a given clock; only conflatable messages are paced.
struct RatePacer {
    /// Series that are paced; those beyond it come as they are.
    static let maxSeries = 16_384
    private static let maxRooms = 16_384

    private struct Series {
        var nextAt: NIODeadline
        var waiting: QueuedMessage?
    }

    private var intervals: [TopicFilter: TimeAmount] = [:]
    /// By room, made when first needed: `nil` for rooms that are not limited.
    private var intervalByRoom: [String: TimeAmount?] = [:]
    private var series: [ConflationKey: Series] = [:]
    private var waitingCount = 0

    /// Whether no join asks for a limit.
    var isIdle: Bool { intervals.isEmpty && waitingCount == 0 }
    /// Whether a message waits for its time.
    var isWaiting: Bool { waitingCount > 0 }

    /// Sets or lifts the limit of a join.
    mutating func set(_ interval: TimeAmount?, for filter: TopicFilter) {
        intervals[filter] = interval
        intervalByRoom.removeAll()
    }

    /// Whether the message goes out now, because it is not paced or its time has come; otherwise it waits.
    mutating func admits(
        _ message: QueuedMessage, joined: [TopicFilter], protecting firstLevels: [String], at now: NIODeadline
    ) -> Bool {
        guard case .conflatable(let key) = message.delivery,
            let interval = interval(in: message.room, joined: joined, protecting: firstLevels)
        else { return true }
        guard var state = series[key] else {
            if series.count >= Self.maxSeries { series = series.filter { $0.value.waiting != nil } }
            if series.count < Self.maxSeries { series[key] = Series(nextAt: now + interval) }
            return true
        }
        if now >= state.nextAt, state.waiting == nil {
            state.nextAt = now + interval
            series[key] = state
            return true
        }
        if state.waiting == nil { waitingCount += 1 }
        state.waiting = message
        series[key] = state
        return false
    }

    /// Gives up what waits of rooms that no join matches any more: after `left` nothing of them may come.
    mutating func forget(allBut joined: [TopicFilter], protecting firstLevels: [String]) {
        guard waitingCount > 0 else { return }
        for (key, state) in series {
            guard let message = state.waiting,
                !joined.contains(where: { $0.matches(message.room, protecting: firstLevels) })
            else { continue }
            series[key]?.waiting = nil
            waitingCount -= 1
        }
    }

    /// Takes out what has waited long enough.
    mutating func due(at now: NIODeadline) -> [QueuedMessage] {
        guard waitingCount > 0 else { return [] }
        var messages: [QueuedMessage] = []
        for (key, state) in series where now >= state.nextAt {
            guard let message = state.waiting else { continue }
            messages.append(message)
            let interval = intervalByRoom[message.room] ?? nil
            series[key] = Series(nextAt: now + (interval ?? .zero))
        }
        waitingCount -= messages.count
        return messages
    }

    /// The shortest interval of the joins that match; `nil` when one of them has no limit.
    private mutating func interval(
        in room: String, joined: [TopicFilter], protecting firstLevels: [String]
    ) -> TimeAmount? {
        if let known = intervalByRoom[room] { return known }
        var shortest: TimeAmount?
        var isLimited = true
        for filter in joined where filter.matches(room, protecting: firstLevels) {
            guard let interval = intervals[filter] else {
                isLimited = false
                break
            }
            shortest = min(shortest ?? interval, interval)
        }
        let result = isLimited ? shortest : nil
        if intervalByRoom.count >= Self.maxRooms { intervalByRoom.removeAll() }
        intervalByRoom[room] = .some(result)
        return result
    }
}
