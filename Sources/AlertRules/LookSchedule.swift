import Telemetry

/// When to look at which series, to the second: each at one time, found without looking at the others.
struct LookSchedule: Sendable {
    private var keys: [Int64: Set<SeriesKey>] = [:]
    private var seconds: [SeriesKey: Int64] = [:]
    /// Nothing is scheduled for an earlier second.
    private var first = Int64.max

    /// Schedules a series, instead of when it was scheduled before; `nil` for no look at all.
    mutating func schedule(_ key: SeriesKey, at instant: Timestamp?) {
        let second = instant.map(Self.second)
        let earlier = seconds[key]
        guard earlier != second else { return }
        seconds[key] = second
        if let earlier {
            keys[earlier]?.remove(key)
            if keys[earlier]?.isEmpty == true { keys[earlier] = nil }
        }
        guard let second else { return }
        keys[second, default: []].insert(key)
        first = min(first, second)
    }

    /// Takes out what is scheduled until now, the second that has begun included.
    mutating func takeDue(at now: Timestamp) -> [SeriesKey] {
        let current = Self.second(of: now)
        guard first <= current else { return [] }
        // After a long pause there are fewer seconds with something than seconds that have passed.
        let due =
            current - first > Int64(keys.count) ? keys.keys.filter { $0 <= current } : Array(first...current)
        var taken: [SeriesKey] = []
        for second in due { taken += keys.removeValue(forKey: second) ?? [] }
        for key in taken { seconds[key] = nil }
        first = keys.isEmpty ? .max : current
        return taken
    }

    private static func second(of instant: Timestamp) -> Int64 {
        Int64((Double(instant.nanosecondsSinceEpoch) / 1e9).rounded(.down))
    }
}
