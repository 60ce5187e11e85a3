import Core

/// A schedule of series to examine, with a resolution of one second. Each series has at most one time, and due series
/// are found without scanning the others.
struct SeriesSchedule: Sendable {
    private var keys: [Int64: Set<SeriesKey>] = [:]
    private var seconds: [SeriesKey: Int64] = [:]
    /// A lower bound of the scheduled seconds.
    private var first = Int64.max

    /// Schedules a series and replaces its earlier time; `nil` removes it.
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

    /// Removes and returns the series that are due, including those scheduled within the current second.
    mutating func takeDue(at now: Timestamp) -> [SeriesKey] {
        let current = Self.second(of: now)
        guard first <= current else { return [] }
        // After a long pause the schedule has fewer entries than seconds have passed.
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
