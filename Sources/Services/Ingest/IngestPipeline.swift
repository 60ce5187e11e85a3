import CoreMetrics
package import Logging
package import MQTTTransport
import Realtime
import Synchronization
package import Telemetry

/// Takes the broker's batches and makes readings and statuses of them: the first stage after the wire.
///
///     MQTTClient's thread ──▶ accept(batch) ──▶ decode ──▶ DataStreamService ──▶ Hub
///                                  ▲                            │
///                                  └──── waits while full ◀─────┘
///
/// Runs synchronously on the MQTT client's thread, so that broker order is publish order. What no decoder takes is
/// counted by reason and logged sparingly; it stops nothing.
package final class IngestPipeline: MQTTBatchHandler {
    /// What was taken since the start, for the line that is logged at exit.
    package struct Totals: Sendable, Equatable {
        package var messages = 0
        package var readings = 0
        package var failures = 0
        /// Messages on status topics; neither readings nor failures.
        package var statuses = 0
    }

    private struct State {
        var decoder: TelemetryDecoder
        var clocks: DeviceClocks
        var totals = Totals()
        var failuresLogged: [String: Timestamp] = [:]
    }

    /// The same kind of failure is logged at most this often.
    private static let logInterval = Duration.seconds(10)

    private let state: Mutex<State>
    private let stream: DataStreamService
    private let entry: EntryTracer
    private let latency: LatencyService?
    private let clockService: ClockService?
    private let metrics: IngestMetrics
    private let clock: any WallClock
    private let logger: Logger

    /// A pipeline that decodes with `decoder` and streams into `stream`.
    ///
    /// - Parameters:
    ///   - entry: Begins the traces.
    ///   - latency: Is told how long readings take.
    ///   - clocks: What is known of devices' clocks.
    ///   - clockService: Answers devices that ask for the time; `nil` leaves their requests to the routes.
    package init(
        decoder: TelemetryDecoder,
        stream: DataStreamService,
        entry: EntryTracer,
        latency: LatencyService? = nil,
        clocks: DeviceClocks = DeviceClocks(),
        clockService: ClockService? = nil,
        metrics: IngestMetrics,
        clock: any WallClock = SystemWallClock(),
        logger: Logger
    ) {
        self.state = Mutex(State(decoder: decoder, clocks: clocks))
        self.clockService = clockService
        self.stream = stream
        self.entry = entry
        self.latency = latency
        self.metrics = metrics
        self.clock = clock
        self.logger = logger
    }

    package var totals: Totals { state.withLock { $0.totals } }

    /// Decodes and publishes the batch; returns when every reading and status is in the hub's mailboxes.
    package func accept(_ batch: MQTTBatch) throws {
        let receivedAt = clock.now()
        stream.waitForRoom()
        var tracing = IngestTracing(entry: entry)
        for segment in decode(batch, receivedAt: receivedAt, &tracing) {
            switch segment {
            case .readings(let readings, let journeys):
                count(readings)
                stream.publish(readings, journeys: journeys)
                latency?.processed(journeys, at: clock.now())
            case .statuses(let reports): stream.publish(reports)
            }
        }
        let now = clock.now()
        tracing.finish(at: now)
        metrics.processed(batch.messages.count, in: now.since(receivedAt))
    }

    private func decode(
        _ batch: MQTTBatch, receivedAt: Timestamp, _ tracing: inout IngestTracing
    ) -> [BatchSegments.Segment] {
        metrics.messages.increment(by: batch.messages.count)
        var startedAt = clock.now()
        return state.withLock { state in
            var segments = BatchSegments(capacity: batch.messages.count)
            for message in batch.messages {
                if clockService?.answer(message, receivedAt: receivedAt) == true { continue }
                let origin = Self.traceContext(of: message)
                do throws(DecodeError) {
                    let decoded = try state.decoder.decodeMessage(
                        topic: message.topic,
                        payload: message.payload,
                        receivedAt: receivedAt,
                        isRetained: message.isRetained,
                        trace: origin)
                    let decodedAt = clock.now()
                    var stages = StageTimes(
                        receivedAt: receivedAt, decodeStartedAt: startedAt, decodedAt: decodedAt,
                        publishedAt: decodedAt)
                    startedAt = decodedAt
                    var parent: TraceContext?
                    if case .readings(let readings) = decoded {
                        for reading in readings { stages.sentAt = state.clocks.sendTime(of: reading) }
                        parent = tracing.decoded(
                            message, readings: readings, pattern: state.decoder.pattern(ofTopic: message.topic),
                            stages: stages)
                    }
                    segments.append(decoded) { Self.journey(of: $0, stages, under: parent) }
                } catch {
                    startedAt = clock.now()
                    tracing.failed(message, from: origin, error, receivedAt: receivedAt)
                    state.totals.failures += 1
                    metrics.countFailure(error)
                    logFailure(error, of: message, at: receivedAt, in: &state)
                }
            }
            state.totals.messages += batch.messages.count
            state.totals.readings += segments.readingCount
            state.totals.statuses += segments.statusCount
            if segments.statusCount > 0 { metrics.statuses.increment(by: segments.statusCount) }
            return segments.finished()
        }
    }

    private static func journey(
        of reading: Reading, _ stages: StageTimes, under parent: TraceContext?
    ) -> Journey {
        // What the broker had kept is of any age: nobody waits for it.
        let isLive = !reading.isRetained
        return Journey(
            subject: reading.device.rawValue, parent: parent, origin: reading.trace, stages: isLive ? stages : nil)
    }

    private func count(_ readings: [Reading]) {
        var implausible = 0
        var retained = 0
        for reading in readings {
            if reading.implausibleDeviceTime != nil { implausible += 1 }
            if reading.isRetained { retained += 1 }
        }
        metrics.readings.increment(by: readings.count)
        if implausible > 0 { metrics.implausibleTimes.increment(by: implausible) }
        if retained > 0 { metrics.retained.increment(by: retained) }
    }

    private static func traceContext(of message: MQTTMessage) -> TraceContext? {
        guard !message.userProperties.isEmpty,
            let parent = message.userProperties.first(where: { $0.name == "traceparent" })
        else { return nil }
        let state = message.userProperties.first { $0.name == "tracestate" }
        return TraceContext(traceparent: parent.value, state: state?.value)
    }

    private func logFailure(
        _ error: DecodeError, of message: MQTTMessage, at now: Timestamp, in state: inout State
    ) {
        if let last = state.failuresLogged[error.reason], now.since(last) < Self.logInterval { return }
        state.failuresLogged[error.reason] = now
        logger.warning(
            "A payload could not be decoded",
            metadata: [
                "topic": "\(message.topic.prefix(256))", "reason": "\(error.reason)", "detail": "\(error)",
                "bytes": "\(message.payload.count)",
            ])
    }
}
