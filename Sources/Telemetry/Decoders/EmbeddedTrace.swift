/// The trace context that a device writes into its payload, for MQTT 3.1.1, which has no user properties.
struct EmbeddedTrace {
    var parent: String?
    var state: String?

    /// The context, or `nil` when there is none or it is invalid: the reading then has no trace.
    var context: TraceContext? {
        guard let parent else { return nil }
        return TraceContext(traceparent: parent, state: state)
    }
}
