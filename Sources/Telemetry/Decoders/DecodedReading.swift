/// What a payload says of one device at one instant, before the gateway's own knowledge is added.
package struct DecodedReading: Hashable, Sendable {
    package var device: DeviceID
    /// In the payload's order; never empty, names unique, values finite.
    package var metrics: [Metric]
    /// The time that the device gives, believed or not.
    package var deviceTime: Timestamp?
    /// The trace context that stands in the payload.
    package var trace: TraceContext?

    package init(device: DeviceID, metrics: [Metric], deviceTime: Timestamp? = nil, trace: TraceContext? = nil) {
        self.device = device
        self.metrics = metrics
        self.deviceTime = deviceTime
        self.trace = trace
    }
}
