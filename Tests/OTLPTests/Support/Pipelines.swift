import Core
import Logging
import OTLP
import Observability
import TestSupport
import Tracing

/// Runs a pipeline for the duration of `body`, with intervals that suit a test.
func withPipeline<Success: Sendable>(
    to url: String, protocol: OTLPProtocol = .httpProtobuf, compression: OTLPCompression = .none,
    timeout: Duration = .seconds(60), batches: BatchConfiguration = .quick,
    registry: MetricsRegistry = MetricsRegistry(),
    _ body: @escaping @Sendable (OTLPPipeline, OTLPTracer) async throws -> Success
) async throws -> Success {
    var configuration = OTLPConfiguration(serviceName: "tested")
    configuration.traces = OTLPEndpoint(
        url: url, protocol: `protocol`, compression: compression, timeout: timeout)
    configuration.spanBatches = batches
    return try await withPipeline(configuration, registry: registry, body)
}

func withPipeline<Success: Sendable>(
    _ configuration: OTLPConfiguration, registry: MetricsRegistry = MetricsRegistry(),
    _ body: @escaping @Sendable (OTLPPipeline, OTLPTracer) async throws -> Success
) async throws -> Success {
    let pipeline = try OTLPPipeline(configuration, registry: registry, logger: .silent)
    let tracer = OTLPTracer(
        resource: configuration.resource, processors: pipeline.spans.map { [$0] } ?? [])
    return try await withThrowingTaskGroup(of: Success?.self) { group in
        group.addTask {
            await pipeline.run()
            return nil
        }
        defer { group.cancelAll() }
        return try await body(pipeline, tracer)
    }
}

extension BatchConfiguration {
    /// Sends and retries almost immediately.
    static let quick = BatchConfiguration(
        scheduleDelay: .milliseconds(5), backoff: .init(base: .milliseconds(10), cap: .milliseconds(20), fixedPart: 0.5)
    )
}

extension OTLPTracer {
    /// Starts and ends a span.
    func make(_ name: String) {
        startSpan(name, under: nil, at: start).end(at: start.advanced(by: .milliseconds(1)))
    }
}

/// A timestamp in 2026.
let start = Timestamp(nanosecondsSinceEpoch: 1_790_000_000_000_000_000)

extension MetricsRegistry {
    /// Returns the sum of a counter's series that have all of `labels`.
    func total(_ name: String, _ labels: [String: String] = [:]) -> Int {
        let samples = snapshot().filter { $0.sourceName == name }.flatMap(\.samples)
        return samples.reduce(0) { sum, sample in
            let own = Dictionary(uniqueKeysWithValues: sample.labels.pairs.map { ($0.sourceName, $0.value) })
            guard labels.allSatisfy({ own[$0.key] == $0.value }), case .number(let value) = sample.value else {
                return sum
            }
            return sum + Int(value)
        }
    }

    /// Waits until a counter has reached `count`.
    func waitFor(_ count: Int, _ name: String, _ labels: [String: String] = [:]) async throws {
        try await eventually("\(name) \(labels) is \(count)") { total(name, labels) >= count }
    }
}
