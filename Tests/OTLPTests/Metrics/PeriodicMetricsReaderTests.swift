import Core
import CoreMetrics
import Observability
import SwiftProtobuf
import TestSupport
import Testing

@testable import OTLP

/// Metrics are exported at an interval and once more at shutdown.
@Suite("Periodic metrics")
struct PeriodicMetricsReaderTests {
    private let registry = MetricsRegistry()
    private let sender = RecordingSender()

    private func reader(interval: Duration) -> PeriodicMetricsReader {
        let exporter = BatchExporter<MetricsSnapshot>(
            PeriodicMetricsReader.batches(interval: interval, timeout: .seconds(60)), sender: sender,
            timeout: .seconds(60), metrics: ExportMetrics(.metrics, factory: MetricsRegistry()),
            log: ExportLog(.silent, signal: .metrics), weight: \.pointCount
        ) { try OTLPEncoder(.httpProtobuf).metrics($0[0]) }
        return PeriodicMetricsReader(
            registry, resource: Resource(serviceName: "s"), interval: interval, clock: SystemWallClock(),
            exporter: exporter)
    }

    /// Returns the value of the counter `hits` in each request.
    private func hits() throws -> [Double] {
        try sender.sent.compactMap { body in
            let request = try ProtoExportMetricsServiceRequest(serializedBytes: body)
            let metrics = request.resourceMetrics.flatMap(\.scopeMetrics).flatMap(\.metrics)
            return metrics.first { $0.name == "hits" }?.sum.dataPoints.first?.asDouble
        }
    }

    @Test("Every interval exports cumulative values with the same start time")
    func interval() async throws {
        let reader = reader(interval: .milliseconds(20))
        Counter(label: "hits", dimensions: [], factory: registry).increment()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await reader.run() }
            try await eventually("three exports") { sender.sent.count >= 3 }
            group.cancelAll()
        }
        let requests = try sender.sent.map { try ProtoExportMetricsServiceRequest(serializedBytes: $0) }
        let points = requests.flatMap(\.resourceMetrics).flatMap(\.scopeMetrics).flatMap(\.metrics)
            .flatMap { $0.sum.dataPoints }
        #expect(Set(points.map(\.startTimeUnixNano)).count == 1)
        #expect(points.allSatisfy { $0.startTimeUnixNano <= $0.timeUnixNano })
        #expect(try hits().allSatisfy { $0 == 1 })
    }

    @Test("Shutdown exports the values counted since the last interval")
    func end() async throws {
        let reader = reader(interval: .seconds(3600))
        Counter(label: "hits", dimensions: [], factory: registry).increment(by: 7)
        reader.shutdown(within: .seconds(60))
        await reader.run()
        #expect(try hits() == [7])
        #expect(sender.shutdownCount == 1)
    }
}
