import Telemetry

/// Decides what is worth a line in the log: that a receiver fails, that events are lost, that it works again; each once.
///
/// A receiver that is down for a day, or refuses a thousand events, does not fill the log. A value type: the service
/// around it writes what it says.
struct ReceiverHealth {
    /// A time of failures, from the first to the next success.
    struct Trouble: Equatable {
        var since: Timestamp
        var failures = 0
        var lostEvents = 0
    }

    enum News: Equatable {
        /// Events wait.
        case fails
        /// The first event of this time of failures is given up.
        case losesEvents
        case recovered(Trouble)
    }

    private var trouble: Trouble?

    /// An attempt failed.
    ///
    /// - Parameter isLost: whether the event is given up.
    mutating func failed(isLost: Bool, at now: Timestamp) -> News? {
        let before = trouble
        var trouble = before ?? Trouble(since: now)
        trouble.failures += 1
        if isLost { trouble.lostEvents += 1 }
        self.trouble = trouble
        if isLost { return trouble.lostEvents == 1 ? .losesEvents : nil }
        return before == nil ? .fails : nil
    }

    mutating func succeeded() -> News? {
        defer { trouble = nil }
        return trouble.map { .recovered($0) }
    }
}
