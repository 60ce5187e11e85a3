import ChildProcesses
import Foundation
import MQTTTransport
import TestSupport
import Testing
import WebSocketClient

/// Readings continue whatever a collector does. Spans that it can still accept arrive once; the others are counted.
@Suite(
    "Failing collector", .serialized,
    .enabled("needs python3 and the opentelemetry-proto package of the package index") {
        await OTLPReceiver.isAvailable
    })
struct CollectorTests {
    private static let messageCount = 300

    struct Trouble: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let behaviour: JSON
        /// The reason under which lost spans are counted, or `nil` when none may be lost.
        var dropReason: String?
    }

    static let troubles = [
        Trouble(testDescription: "503 with Retry-After", behaviour: ["status": 503, "retry_after": 1, "times": 2]),
        Trouble(testDescription: "429", behaviour: ["status": 429, "times": 1]),
        Trouble(testDescription: "no answer", behaviour: ["hang_s": 30, "times": 1]),
        Trouble(testDescription: "400", behaviour: ["status": 400, "times": 1], dropReason: "refused"),
        Trouble(
            testDescription: "partial success", behaviour: ["reject": 1, "message": "no", "times": 1],
            dropReason: "rejected"),
    ]

    @Test("Readings arrive in order during failures, and every span arrives once or is counted", arguments: troubles)
    func trouble(_ trouble: Trouble) async throws {
        let receiver = try await OTLPReceiver.start()
        try await receiver.behave(trouble.behaviour)
        let broker = try await MosquittoBroker.start()
        let folder = try TemporaryFolder()
        let gateway = try await Self.gateway(broker, folder, endpoint: receiver.endpoint)
        try await Self.stream(through: gateway, broker)

        // Each reading has one `process` span. The number of other spans depends on batches and recipients.
        var dropped = 0.0
        try await eventually("every reading's span arrived or is counted, and none is queued", within: .seconds(30)) {
            dropped = try await Self.metric("otlp_dropped_total{reason=\"\(trouble.dropReason ?? "")\"", of: gateway)
            guard try await Self.metric("otlp_queue_size{signal=\"traces\"", of: gateway) == 0 else { return false }
            return try await receiver.spans().count(where: Self.isOfReading) + Int(dropped) >= Self.messageCount
        }
        #expect((dropped > 0) == (trouble.dropReason != nil))
        let spans = try await receiver.spans()
        let ids = spans.compactMap { $0["span_id"]?.string }
        #expect(Set(ids).count == ids.count, "nothing arrives twice")
        if trouble.dropReason == nil {
            #expect(spans.count(where: Self.isOfReading) == Self.messageCount)
        }
        #expect(try await gateway.process.terminate() == .exited(0))
        try await receiver.stop()
    }

    @Test("A missing collector affects neither readings nor the shutdown")
    func absent() async throws {
        let broker = try await MosquittoBroker.start()
        let folder = try TemporaryFolder()
        let gateway = try await Self.gateway(
            broker, folder, endpoint: "http://127.0.0.1:\(try FreePort.reserve())",
            more: ["OTEL_BSP_MAX_QUEUE_SIZE": "600", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"])
        try await Self.stream(through: gateway, broker)
        try await eventually("spans beyond the queue are counted") {
            try await Self.metric("otlp_dropped_total{reason=\"queue_full\",signal=\"traces\"", of: gateway) > 0
        }
        #expect(try await gateway.process.terminate() == .exited(0))
    }

    private static func isOfReading(_ span: JSON) -> Bool { span["name"]?.string == "process sensors/{device}" }

    private static func gateway(
        _ broker: MosquittoBroker, _ folder: TemporaryFolder, endpoint: String, more: [String: String] = [:]
    ) async throws -> GatewayProcess {
        let export = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
        ]
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: ["--set", "tracing.traces_per_second=100000"],
            environment: export.merging(more) { $1 })
        try await gateway.waitUntilReady()
        return gateway
    }

    /// Publishes readings and checks that a client receives all of them in order.
    private static func stream(through gateway: GatewayProcess, _ broker: MosquittoBroker) async throws {
        let client = try await gateway.client(token: try await GatewayProcess.token(), joining: "sensors/a")
        let collector = SequenceCollector(client)
        let publisher = try await Publisher(port: broker.port)
        for number in 1...messageCount {
            try await publisher.publish(Array(#"{"seq":\#(number)}"#.utf8), to: "sensors/a")
        }
        try await eventually("every reading has arrived", within: .seconds(10)) { collector.count == messageCount }
        #expect(collector.live == Array(1...messageCount))
        await publisher.stop()
        await client.abort()
    }

    /// Returns the sum of the series whose lines have that prefix.
    private static func metric(_ prefix: String, of gateway: GatewayProcess) async throws -> Double {
        try await HTTPClientLite.get("\(gateway.url)/metrics").text.split(separator: "\n")
            .filter { $0.hasPrefix(prefix) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
            .reduce(0, +)
    }
}
