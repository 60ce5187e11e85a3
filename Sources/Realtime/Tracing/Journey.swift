package import Telemetry

/// Where a message comes from, for those who follow it through the hub to the sockets.
package struct Journey: Sendable {
    /// Who or what speaks: a device, a user.
    package var subject: String
    /// The span that the hub's spans come under; `nil` or unsampled: no spans.
    package var parent: TraceContext?
    /// The trace that the device sent along, sampled or not: a trace that is made later links to it.
    package var origin: TraceContext?
    /// When it passed the stages before the hub; `nil` for what is not a reading.
    package var stages: StageTimes?

    package init(
        subject: String, parent: TraceContext? = nil, origin: TraceContext? = nil, stages: StageTimes? = nil
    ) {
        self.subject = subject
        self.parent = parent
        self.origin = origin
        self.stages = stages
    }
}
