import Tracing

/// A time of ours as the Tracing API takes it.
package struct TraceInstant: TracerInstant {
    package let timestamp: Timestamp

    package init(_ timestamp: Timestamp) {
        self.timestamp = timestamp
    }

    /// Times before 1970 count as 1970: the API has no others.
    package var nanosecondsSinceEpoch: UInt64 { UInt64(max(0, timestamp.nanosecondsSinceEpoch)) }

    package static func < (lhs: TraceInstant, rhs: TraceInstant) -> Bool { lhs.timestamp < rhs.timestamp }
}
