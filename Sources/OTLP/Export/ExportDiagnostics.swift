import Core
import CoreMetrics
import Logging

/// A log of export failures. It writes at most one line a minute for each kind of failure, so that an unreachable
/// collector does not flood it.
final class ExportLog: Sendable {
    enum Kind: Sendable {
        case unavailable
        case refused
        case rejected
        case expired
        case invalid
        case shutdown
    }

    private static let interval = Duration.seconds(60)

    private struct State {
        var last: [Kind: ContinuousClock.Instant] = [:]
        var isFailing = false
    }

    private let logger: Logger
    private let state = Lock(State())

    init(_ logger: Logger, signal: OTLPSignal) {
        var logger = logger
        logger[metadataKey: "signal"] = .string(signal.rawValue)
        self.logger = logger
    }

    func report(_ kind: Kind, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        let now = ContinuousClock.now
        let isTime = state.withLock { state in
            state.isFailing = state.isFailing || kind == .unavailable
            if let last = state.last[kind], now - last < Self.interval { return false }
            state.last[kind] = now
            return true
        }
        if isTime { logger.warning(message, metadata: metadata) }
    }

    /// Records a successful export. Logs a line if the collector was unavailable before.
    func reportSuccess() {
        let wasFailing = state.withLock { state in
            defer { state.isFailing = false }
            if state.isFailing { state.last[.unavailable] = nil }
            return state.isFailing
        }
        if wasFailing { logger.info("The collector accepts telemetry again") }
    }
}

/// The counters of exported and dropped items for one signal.
struct ExportMetrics: Sendable {
    /// The reason why items did not reach the collector. Used as a metric label, so the set is small and fixed.
    enum DropReason: String, Sendable, CaseIterable {
        /// The queue was full.
        case queueFull = "queue_full"
        /// The collector refused the request.
        case refused
        /// The collector accepted the request but rejected these items.
        case rejected
        /// The collector was unavailable for too long.
        case expired
        /// The process shut down.
        case shutdown
        /// The items could not be encoded.
        case invalid
    }

    let exported: Counter
    /// The number of repeated requests.
    let retries: Counter
    private let dropped: CounterFamily

    init(_ signal: OTLPSignal, factory: any MetricsFactory) {
        let signal = ("signal", signal.rawValue)
        exported = Counter(label: "otlp.exported", dimensions: [signal], factory: factory)
        retries = Counter(label: "otlp.retries", dimensions: [signal], factory: factory)
        dropped = CounterFamily(
            "otlp.dropped", by: "reason", values: DropReason.allCases.map(\.rawValue), dimensions: [signal],
            factory: factory)
    }

    func drop(_ count: Int, _ reason: DropReason) {
        guard count > 0 else { return }
        dropped.increment(reason.rawValue, by: count)
    }
}
