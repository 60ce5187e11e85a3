package import Core
package import CoreMetrics
import Metrics
package import Realtime
import Telemetry
package import Tracing

/// A service that measures the latency of readings per hop (``LatencyStage``), and creates traces of slow readings.
///
///     IngestPipeline ── processed ──┐
///     HubShard ─────── delivered ───┼──▶ LatencySeries ──▶ GET /api/latency
///     BrowserSpanService ─ painted ─┘          └─▶ histograms for /metrics and OTLP
///                           └── too slow, and not sampled: spans made from the stage times
///
/// Thread-safe. Called once per ingested batch, and at most once per tick of a hub shard.
package final class LatencyService: DeliveryObserver {
    /// The threshold for slow readings, and a rate limit for their traces.
    package struct Configuration: Sendable {
        /// The latency above which a reading is slow. It is measured from when the device sent the reading, or when the
        /// gateway received it if the send time is unknown, until a hub shard has handed it to its sockets.
        package var slowThreshold: Duration
        /// The most traces of slow readings per second.
        package var slowPerSecond: Int

        package init(slowThreshold: Duration = .milliseconds(500), slowPerSecond: Int = 10) {
            self.slowThreshold = slowThreshold
            self.slowPerSecond = slowPerSecond
        }
    }

    /// The latency of one stage over a period.
    package struct Summary: Sendable {
        package var stage: LatencyStage
        package var total: LatencyHistogram
        package var points: [LatencySeries.Point]
    }

    package let configuration: Configuration
    private let tracer: any Tracer
    private let budget: RateLimit
    private let clock: any WallClock
    private let series = Lock(LatencySeries())
    /// The traced deliveries that pages may report spans for.
    let deliveries = TracedDeliveries()
    /// The timers by ``LatencyStage/index``.
    private let timers: [CoreMetrics.Timer]

    /// - Parameter tracer: Creates the spans of slow readings.
    package init(
        tracer: any Tracer, configuration: Configuration = .init(), factory: any MetricsFactory,
        clock: any WallClock = SystemWallClock()
    ) {
        self.tracer = tracer
        self.configuration = configuration
        self.clock = clock
        budget = RateLimit(perSecond: configuration.slowPerSecond)
        timers = LatencyStage.allCases.map {
            Timer(label: "windsock.latency", dimensions: [("hop", $0.rawValue)], factory: factory)
        }
    }

    // MARK: Hops

    /// Records the latency of the hops before the hub, for readings that were handed to the hub at `time`.
    func processed(_ readings: [IngestedReading], at time: Timestamp) {
        series.withLock { series in
            for reading in readings {
                guard let stages = reading.messageTrace?.stages else { continue }
                if let sentAt = stages.sentAt { record(.device, stages.receivedAt.since(sentAt), at: time, &series) }
                record(.process, (stages.commitStartedAt ?? time).since(stages.receivedAt), at: time, &series)
                if let start = stages.commitStartedAt, let end = stages.committedAt {
                    record(.commit, end.since(start), at: time, &series)
                }
            }
        }
    }

    package func delivered(_ deliveries: [DeliveryReport], at time: Timestamp) {
        series.withLock { series in
            for delivery in deliveries {
                guard let stages = delivery.messageTrace.stages else { continue }
                record(.fanOut, time.since(stages.publishedAt), at: time, &series)
            }
        }
        for delivery in deliveries {
            guard let stages = delivery.messageTrace.stages, !delivery.isTraced,
                time.since(stages.sentAt ?? stages.receivedAt) > configuration.slowThreshold,
                delivery.claim(), budget.take(at: time)
            else { continue }
            trace(delivery, stages, deliveredAt: time)
        }
    }

    package func sending(_ span: TraceContext, to user: UserID) {
        deliveries.sending(span, to: user)
    }

    /// Records the latency of a stage that a browser has reported for a traced delivery.
    func recordBrowser(_ stage: LatencyStage, took duration: Duration) {
        let now = clock.now()
        series.withLock { record(stage, duration, at: now, &$0) }
    }

    private func record(_ stage: LatencyStage, _ duration: Duration, at now: Timestamp, _ series: inout LatencySeries) {
        let duration = max(duration, .zero)
        series.record(stage, duration, at: now)
        timers[stage.index].record(duration: duration)
    }

    /// Returns a summary of every stage since `start`.
    package func summaries(since start: Timestamp) -> [Summary] {
        let series = series.withLock { $0 }
        return LatencyStage.allCases.map { stage in
            let points = series.points(of: stage, since: start)
            var total = LatencyHistogram()
            for point in points { total.add(point.histogram) }
            return Summary(stage: stage, total: total, points: points)
        }
    }

    // MARK: Slow readings

    /// Creates the gateway's spans of a slow, unsampled reading from its recorded timestamps. They form a separate
    /// trace with a link to the device's span, if there is one.
    private func trace(_ delivery: DeliveryReport, _ stages: PipelineTimestamps, deliveredAt: Timestamp) {
        let root = tracer.startSpan("process", under: nil, ofKind: .consumer, at: stages.receivedAt, isSampled: true)
        root.updateAttributes { attributes in
            attributes["windsock.sampled.reason"] = "slow"
            attributes["windsock.device"] = delivery.messageTrace.subject
            attributes["messaging.system"] = "mqtt"
            attributes["messaging.operation.name"] = "process"
            attributes["messaging.operation.type"] = "process"
            if let sentAt = stages.sentAt {
                attributes["windsock.device.delay_ms"] = stages.receivedAt.since(sentAt) / .milliseconds(1)
                attributes["windsock.device.delay_estimated"] = true
            }
        }
        if let origin = delivery.messageTrace.origin { root.addLink(SpanLink(to: origin)) }
        let context = root.traceContext
        tracer.startSpan("telemetry.decode", under: context, at: stages.decodeStartedAt).end(at: stages.decodedAt)
        if let start = stages.commitStartedAt, let end = stages.committedAt {
            tracer.startSpan("storage.commit", under: context, ofKind: .client, at: start).end(at: end)
        }
        let broadcast = tracer.startSpan("hub.broadcast", under: context, at: stages.publishedAt)
        broadcast.updateAttributes { attributes in
            attributes["messaging.system"] = "websocket"
            attributes["messaging.destination.name"] = delivery.room
            attributes["recipients.count"] = delivery.recipientCount
        }
        broadcast.end(at: deliveredAt)
        root.end(at: deliveredAt)
    }
}

/// A stage on a reading's way from the device to the browser's screen whose latency is measured. Metrics, API and
/// documents call it a hop.
package enum LatencyStage: String, Sendable, CaseIterable {
    /// From the device's sending to the gateway's receiving. Only for readings whose send time is known.
    case device
    /// From receiving until the reading is decoded and its transaction begins.
    case process
    /// The transaction, including the evaluation of alert rules. Only for readings that are stored.
    case commit
    /// From handing the reading to the hub until the last socket of an event loop has it.
    case fanOut = "fan_out"
    /// From sending the message to a client until its browser has received it. This hop and the following ones are
    /// measured only for traced deliveries.
    case network
    /// From receiving in the browser until the reading is painted.
    case paint
    /// From the start of the trace until the reading is painted. A trace starts with the device's sending, or with the
    /// gateway's receiving if the former is unknown.
    case endToEnd = "end_to_end"

    /// The position in ``allCases``. Tables by hop are arrays, which are faster than dictionaries, because every
    /// reading is recorded in them.
    var index: Int {
        switch self {
        case .device: 0
        case .process: 1
        case .commit: 2
        case .fanOut: 3
        case .network: 4
        case .paint: 5
        case .endToEnd: 6
        }
    }
}
