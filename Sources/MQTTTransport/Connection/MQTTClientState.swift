import Core

/// What a client shows of itself to other threads.
final class MQTTClientState: Sendable {
    struct Values {
        var state = MQTTConnectionState.idle
        var counters = MQTTCounters()
        var refusedSubscriptions: [MQTTError] = []
        /// Publications that wait or are not yet completed.
        var outstanding = 0
    }

    private let values = Lock(Values())
    private let onStateChange: (@Sendable (MQTTConnectionState) -> Void)?

    init(onStateChange: (@Sendable (MQTTConnectionState) -> Void)?) {
        self.onStateChange = onStateChange
    }

    func read<Result: Sendable>(_ body: (Values) -> Result) -> Result {
        values.withLock { body($0) }
    }

    /// Changes the values; tells of a changed state outside of the lock.
    func update(_ body: (inout Values) -> Void) {
        let changed: MQTTConnectionState? = values.withLock { values in
            let before = values.state
            body(&values)
            return values.state == before ? nil : values.state
        }
        if let changed { onStateChange?(changed) }
    }

    /// Counts one more publication, unless the limit is reached.
    func reserve(limit: Int) -> Bool {
        values.withLock { values in
            guard values.outstanding < limit else { return false }
            values.outstanding += 1
            values.counters.published += 1
            return true
        }
    }
}
