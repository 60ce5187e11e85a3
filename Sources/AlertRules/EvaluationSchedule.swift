import Core

/// The times at which the series are to be examined although no values arrive.
struct EvaluationSchedule: Sendable {
    /// When each series may have been silent for too long: never too late, but often earlier than necessary.
    private var silences = SeriesSchedule()
    /// The earliest time at which elapsed time can affect the active alerts of each series.
    private var alerts = SeriesSchedule()

    /// Schedules a series to be examined at the next opportunity: for silence if it has `no_data` rules, and for its
    /// active alerts.
    mutating func scheduleNow(_ series: WatchedSeries?, in context: EvaluationContext) {
        if series?.silenceDeadline(in: context) != nil { silences.schedule(context.key, at: context.now) }
        alerts.schedule(context.key, at: series?.isActive == true ? context.now : nil)
    }

    /// Schedules a series for the next possible transition of its active alerts.
    mutating func scheduleAlerts(of series: WatchedSeries?, in context: EvaluationContext) {
        alerts.schedule(context.key, at: series?.alertDeadline(in: context))
    }

    /// Schedules a series for the time when it may have been silent for too long.
    mutating func scheduleSilence(of series: WatchedSeries?, in context: EvaluationContext) {
        if let deadline = series?.silenceDeadline(in: context) { silences.schedule(context.key, at: deadline) }
    }

    /// Removes a series that is no longer watched. It has no active alerts.
    mutating func remove(_ key: SeriesKey) { silences.schedule(key, at: nil) }

    /// Removes and returns the series that may have been silent for too long.
    mutating func takeSilent(at now: Timestamp) -> [SeriesKey] { silences.takeDue(at: now) }

    /// Removes and returns the series whose active alerts may be due.
    mutating func takeAlerts(at now: Timestamp) -> [SeriesKey] { alerts.takeDue(at: now) }
}

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
