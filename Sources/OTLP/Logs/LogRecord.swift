import Logging
import Telemetry

/// A line of the log on its way to a collector. Texts are made when it is logged, so that nothing of the caller's
/// stays alive in the queue.
struct LogRecord: Sendable {
    /// The longest text that is kept, in characters.
    static let maxTextLength = 16_384
    /// The most attributes that are kept; the others are counted.
    static let maxAttributeCount = 128

    indirect enum Value: Sendable, Equatable {
        case text(String)
        case list([Value])
        case map([String: Value])
    }

    let time: Timestamp
    let level: Logger.Level
    let message: String
    /// The span in which it was logged.
    let trace: TraceContext?
    let attributes: [String: Value]
    let droppedAttributeCount: Int
}
