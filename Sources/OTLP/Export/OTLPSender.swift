/// Sends one request to a collector, once. ``OTLPHTTPExporter`` in the product; scripted in tests.
protocol OTLPSender: Sendable {
    /// - Parameters:
    ///   - body: an export request as the endpoint's protocol has it, not compressed.
    ///   - timeout: how long it may take until the answer is complete.
    /// - Returns: what became of it; failures too, none is thrown. A cancelled task's request is `unavailable`.
    func send(_ body: PreparedBody, timeout: Duration) async -> ExportOutcome

    /// Gets `body` ready to be sent any number of times: compresses it.
    func prepare(_ body: [UInt8]) -> PreparedBody

    /// Closes the connections. Nothing can be sent afterwards.
    func shutdown() async
}

/// The bytes of a request's body, and how they were made smaller.
struct PreparedBody: Sendable, Equatable {
    var bytes: [UInt8]
    var encoding: OTLPCompression
}
