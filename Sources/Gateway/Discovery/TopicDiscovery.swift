package import Core
package import Logging
import MQTTTransport
package import ServiceLifecycle
package import Telemetry

/// The sampling of topics that no route takes, over a broker connection of its own that never publishes.
///
///     broker ──#, QoS 0──▶ MQTTClient ──▶ TopicSampler ──▶ report ──▶ GET /api/topics, windsock discover
///
/// The broker may refuse the connection or the subscription, and delivers each message a second time. Discovery
/// therefore listens only while ingest is connected, logs a refusal once, and disconnects for a while when messages
/// arrive faster than the sampler examines them.
package final class TopicDiscovery: Service {
    /// The state, as in `GET /api/topics`.
    package enum State: String, Sendable {
        case listening
        /// Not connected: discovery waits for ingest, or tries again later.
        case waiting
        /// Disconnected for a while, because too many messages arrived.
        case paused
        /// The broker does not allow the subscription.
        case refused
    }

    private struct Status {
        var state = State.waiting
        /// The reason that there is no connection.
        var problem: String?
        var isProblemLogged = false
        var wantsConnection = false
        var pausedUntil: ContinuousClock.Instant?
        /// The number of pauses so far. Each is twice as long as the one before.
        var pauseCount = 0
    }

    /// The receiver of messages. A class of its own, because the client retains it.
    private final class Recorder: MQTTBatchHandler {
        let sampler: Lock<TopicSampler>
        let isExhausted = Lock(false)
        private let clock: any WallClock

        init(_ sampler: TopicSampler, clock: any WallClock) {
            self.sampler = Lock(sampler)
            self.clock = clock
        }

        func accept(_ batch: MQTTBatch) {
            let now = clock.now()
            let isComplete = sampler.withLock { sampler in
                var isComplete = true
                for message in batch.messages {
                    let isExamined = sampler.add(
                        topic: message.topic, payload: message.payload, isRetained: message.isRetained, at: now)
                    isComplete = isComplete && isExamined
                }
                return isComplete
            }
            if !isComplete { isExhausted.withLock { $0 = true } }
        }
    }

    private static let checkInterval = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(600)

    package let filter: TopicFilter
    private let recorder: Recorder
    private let client: MQTTClient
    private let loop = MQTTLoop(name: "discovery")
    private let decodingLimits: DecodingLimits
    private let limits: TopicSampler.Limits
    private let isIngesting: @Sendable () -> Bool
    private let clock: any WallClock
    private let status = Lock(Status())
    private let logger: Logger

    /// Creates a discovery that is not connected yet.
    ///
    /// - Parameters:
    ///   - clientID: The client id at the broker, which must differ from the one of ingest.
    ///   - isIngesting: Returns true while discovery may be connected.
    /// - Throws: `MQTTError.invalidConfiguration`.
    package init(
        _ configuration: GatewayConfiguration, filter: TopicFilter, clientID: String,
        limits: TopicSampler.Limits = TopicSampler.Limits(), clock: any WallClock = SystemWallClock(), logger: Logger,
        isIngesting: @escaping @Sendable () -> Bool = { true }
    ) throws {
        self.filter = filter
        self.limits = limits
        self.clock = clock
        self.logger = logger
        self.isIngesting = isIngesting
        decodingLimits = configuration.decodingLimits
        recorder = Recorder(
            TopicSampler(excluding: configuration.takenFilters, limits: limits, at: clock.now()), clock: clock)
        client = try MQTTClient(
            configuration: configuration.listening(to: filter, clientID: clientID), handler: recorder, loop: loop,
            // Refusals are logged below, once.
            logger: Logger(label: "windsock.discovery") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Listens until a graceful shutdown.
    package func run() async {
        await cancelWhenGracefulShutdown {
            repeat { self.check(at: .now) } while (try? await Task.sleep(for: Self.checkInterval)) != nil
        }
        await client.stop()
        loop.stop()
    }

    /// Connects, disconnects and notes problems, as the state of the connections requires.
    private func check(at now: ContinuousClock.Instant) {
        let isExhausted = recorder.isExhausted.withLock { isExhausted in
            defer { isExhausted = false }
            return isExhausted
        }
        let connection = client.state
        let refusal = client.refusedSubscriptions.first
        let isIngesting = isIngesting()
        let (wantsConnection, hasChanged, problem) = status.withLock { status in
            if isExhausted, status.pausedUntil == nil {
                let shortest = Duration.seconds(limits.burst / max(1, limits.messagesPerSecond))
                let backoff = ExponentialBackoff(base: shortest, cap: Self.longestPause, fixedPart: 1)
                status.pauseCount += 1
                status.pausedUntil = now + backoff.wait(afterFailures: status.pauseCount, random: 0)
            }
            if let end = status.pausedUntil, now >= end { status.pausedUntil = nil }
            let isPaused = status.pausedUntil != nil
            switch connection {
            case .connected where refusal == nil: (status.state, status.problem) = (.listening, nil)
            case .connected: (status.state, status.problem) = (.refused, refusal?.description)
            case .waiting(let error): (status.state, status.problem) = (.waiting, "\(error)")
            default: if status.state != .refused { status.state = isPaused ? .paused : .waiting }
            }
            let wantsConnection = isIngesting && !isPaused && status.state != .refused
            defer { status.wantsConnection = wantsConnection }
            let isNew = status.problem != nil && !status.isProblemLogged
            status.isProblemLogged = status.isProblemLogged || isNew
            return (wantsConnection, wantsConnection != status.wantsConnection, isNew ? status.problem : nil)
        }
        if hasChanged { if wantsConnection { client.connect() } else { client.disconnect() } }
        if let problem {
            logger.notice(
                "Topic discovery cannot listen to the broker; ingest is not affected",
                metadata: ["filter": "\(filter)", "error": "\(problem)"])
        }
    }

    /// Leaves out the topics that the gateway takes after a change of its routes.
    func exclude(_ taken: [TopicFilter]) { recorder.sampler.withLock { $0.exclude(taken) } }

    package var state: State { status.withLock { $0.state } }
    /// The reason that discovery does not listen.
    package var problem: String? { status.withLock { $0.problem } }
    /// The number of topics that no route takes.
    package var topicCount: Int { recorder.sampler.withLock { $0.topicCount } }

    /// Folds and describes the topics received so far. Takes up to some hundred milliseconds.
    package func report() -> TopicReport {
        TopicReport(recorder.sampler.withLock { $0 }, at: clock.now(), limits: decodingLimits)
    }

    /// The body of `GET /api/topics`.
    package func json() -> [UInt8] {
        let (state, problem) = status.withLock { ($0.state, $0.problem) }
        var body = JSONObjectBuilder()
        body.add("state", state.rawValue)
        body.add("filter", filter.rawValue)
        if let problem { body.add("problem", problem) }
        let report = self.report()
        body.add("time", report.time.secondsSinceEpoch)
        report.add(to: &body)
        return body.finished()
    }

    /// The body of `GET /api/topics` when discovery is off.
    static var offJSON: [UInt8] {
        var body = JSONObjectBuilder()
        body.add("state", "off")
        body.add("total", 0)
        body.add("patterns", objects: [])
        return body.finished()
    }

    /// Takes messages as if the broker had sent them, for tests without a broker.
    func accept(_ batch: MQTTBatch) { recorder.accept(batch) }
}
