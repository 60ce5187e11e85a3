import Telemetry
import Tracing

/// The span `websocket.send` of one delivery, from the hub's choice until the socket has the frame.
///
/// Goes with the frame through the client's queue. A frame that is never written, because a later one took its place
/// or the client left, ends its span in error.
package final class SendSpan: Sendable {
    private let span: any Span

    init(_ span: any Span) {
        self.span = span
    }

    deinit {
        guard span.isRecording else { return }
        span.setStatus(SpanStatus(code: .error, message: "not sent: the client was too slow or left"))
        span.end()
    }

    /// The frame was handed to the socket.
    func written(at now: Timestamp) {
        span.end(at: now)
    }
}
