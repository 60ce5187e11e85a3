package import NIOCore

/// Where a client's frames go: the socket as the hub sees it.
///
/// All calls come on the event loop of the client's shard.
package protocol ClientSink: AnyObject {
    /// Takes one or more whole frames; nothing leaves before ``flush()``.
    func write(_ frames: ByteBuffer)
    /// Sends what was written.
    func flush()
    /// Whether the peer keeps up: false once more is buffered than the socket's high-water mark.
    var isWritable: Bool { get }
    /// Ends the connection, telling the peer why. Further writes are ignored.
    func close(code: CloseCode, reason: String)
    /// Charges the client's user for what a join sent beside its answer, in messages: ``Replay/Page/cost``. Returns the time
    /// until more may be read.
    func chargeReplay(_ cost: Int) -> TimeAmount
    /// The time from the latest ping to its pong, once there was one.
    var roundTripTime: TimeAmount? { get }
    /// Called about once a second for heartbeats and deadlines.
    func sweep(at now: NIODeadline)
}
