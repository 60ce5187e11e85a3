import Core
import Logging

/// Says what goes wrong with exports, each kind at most once a minute: a collector that is down does not fill the log.
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

    /// Says so once when a collector that was away is back.
    func reportSuccess() {
        let wasFailing = state.withLock { state in
            defer { state.isFailing = false }
            if state.isFailing { state.last[.unavailable] = nil }
            return state.isFailing
        }
        if wasFailing { logger.info("The collector takes telemetry again") }
    }
}
