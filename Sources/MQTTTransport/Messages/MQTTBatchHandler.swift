/// Takes what the broker sends.
package protocol MQTTBatchHandler: Sendable {
    /// Takes a batch; called on the client's thread, one batch after the other.
    ///
    /// Nothing of the batch is acknowledged before this returns. When it throws, nothing is acknowledged at all: the
    /// connection is dropped, and the broker sends the QoS 1 messages again after the reconnect.
    func accept(_ batch: MQTTBatch) throws

    /// The broker has made a new session: nothing of an earlier one comes again. Called on the client's thread, before
    /// the session's first batch.
    func sessionStarted()
}

extension MQTTBatchHandler {
    package func sessionStarted() {}
}
