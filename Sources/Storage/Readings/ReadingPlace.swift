package import Telemetry

/// A value's place in its series: where a long read goes on.
package struct ReadingPlace: Sendable, Equatable {
    package var time: Timestamp
    /// Tells values of one instant apart.
    package var sequence: Int64
}
