/// What a client has done since it was made.
package struct MQTTCounters: Sendable, Equatable {
    package var messagesReceived = 0
    package var bytesReceived = 0
    package var batches = 0
    /// Batches that the handler did not take, so that the broker delivers them again.
    package var batchesRefused = 0
    package var connects = 0
    package var connectFailures = 0
    package var published = 0
    /// Publications that the broker has acknowledged, or at QoS 0 that were written.
    package var publishCompleted = 0
    /// Publications that were given up because the client was not connected (QoS 0) or was stopped, or because the
    /// broker does not take them.
    package var publishDropped = 0
}
