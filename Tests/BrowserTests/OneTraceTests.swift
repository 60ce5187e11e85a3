import ChildProcesses
import Foundation
import TestSupport
import Testing

/// One simulated reading is one trace, from the device's publish to the browser's paint, as recorded by an independent
/// collector.
@Suite(
    "One trace", .serialized,
    .enabled("needs python3 and the opentelemetry-proto package of the package index") {
        await OTLPReceiver.isAvailable
    })
struct OneTraceTests {
    /// A span as stored by the collector.
    private struct Span {
        let service: String
        let name: String
        let kind: String
        let trace: String
        let id: String
        let parent: String
        let start: Double
        let end: Double
        let attributes: JSON?

        init?(_ json: JSON) {
            guard let service = json["service"]?.string, let name = json["name"]?.string,
                let kind = json["kind"]?.string, let trace = json["trace_id"]?.string,
                let id = json["span_id"]?.string, let start = json["start_ns"]?.string.flatMap(Double.init),
                let end = json["end_ns"]?.string.flatMap(Double.init)
            else { return nil }
            self.service = service
            self.name = name
            self.kind = kind
            self.trace = trace
            self.id = id
            parent = json["parent_span_id"]?.string ?? ""
            self.start = start
            self.end = end
            attributes = json["attributes"]
        }

        /// The clock uncertainty of its times, in nanoseconds.
        var uncertainty: Double { (attributes?["clock.uncertainty_ms"]?.number ?? 0) * 1e6 }
    }

    /// The spans of a reading's path, each the child of the one before.
    private static let way = [
        (service: "windsock-device", name: "publish sensors/{device}", kind: "producer"),
        (service: "windsock-gateway", name: "process sensors/{device}", kind: "consumer"),
        (service: "windsock-gateway", name: "stream.push_data", kind: "internal"),
        (service: "windsock-gateway", name: "hub.broadcast", kind: "internal"),
        (service: "windsock-gateway", name: "websocket.send", kind: "producer"),
        (service: "windsock-browser", name: "websocket.receive", kind: "consumer"),
        (service: "windsock-browser", name: "dashboard.paint", kind: "internal"),
    ]

    private static let device = """
        device: greenhouse-1
        topic: sensors/{device}
        convention: json
        interval: 500ms
        clock_skew: SKEW
        metrics:
          temperature: {unit: °C, waveform: [{constant: 21}, {sine: {amplitude: 3, period: 60s}}]}
        """

    @Test(
        "Device, gateway and browser form one trace in a collector, with hops in order despite clock skew",
        arguments: [("http/protobuf", "0s"), ("http/json", "300s"), ("http/protobuf", "-300s")])
    func connected(_ format: String, skew: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-trace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "device.yaml")
        try Self.device.replacing("SKEW", with: skew).write(to: file, atomically: true, encoding: .utf8)

        let receiver = try await OTLPReceiver.start()
        let export = [
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": format,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_BSP_SCHEDULE_DELAY": "200",
        ]
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder, environment: export)
        try await gateway.waitUntilReady()
        let browser = try await WebDriver.start(width: 1280, height: 900)
        let token = try await GatewayProcess.token()
        try await browser.navigate(to: "\(gateway.url)/#token=\(token)")
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(30))
        let simulation = try ChildProcess(
            try PackageRoot.executable.path,
            ["simulate", file.path, "--mqtt-url", broker.url, "--quiet"], environment: export)

        let spans = try await receiver.spans("a whole trace", within: .seconds(60)) { spans in
            Self.traces(spans).contains { trace in
                Self.way.allSatisfy { step in trace.contains { $0.name == step.name } }
            }
        }
        simulation.signal(SIGTERM)
        try await simulation.waitForExit()
        let trace = try #require(
            Self.traces(spans).first { trace in
                Self.way.allSatisfy { step in trace.contains { $0.name == step.name } }
            })
        try Self.check(trace, skew: skew)

        // The same trace, one click away from the chart, from the gateway's memory.
        let shown = try await HTTPClientLite.get(
            "\(gateway.url)/api/latency/traces/\(trace[0].trace)", headers: [("Authorization", "Bearer \(token)")])
        #expect(shown.status == 200)
        await browser.quit()
    }

    private static func check(_ trace: [Span], skew: String) throws {
        for span in trace { #expect(span.start <= span.end, "\(span.name)") }
        let ids = Set(trace.map(\.id))
        let roots = trace.filter { !ids.contains($0.parent) }
        #expect(roots.map(\.name) == [way[0].name], "one root, and no span with a missing parent")
        #expect(roots.first?.parent == "")
        var above: Span?
        for step in way {
            let span = try #require(
                trace.first { $0.name == step.name && (above == nil || $0.parent == above?.id) }, "\(step.name)")
            #expect(span.service == step.service && span.kind == step.kind, "\(step.name)")
            if let above {
                let tolerance = max(span.uncertainty, above.uncertainty)
                #expect(span.start >= above.start - tolerance, "\(step.name) begins before \(above.name)")
            }
            above = span
        }
        #expect(trace.contains { $0.name == "telemetry.decode" })
        let publish = try #require(trace.first { $0.name == way[0].name })
        let offset = try #require(publish.attributes?["clock.offset_ms"]?.number)
        let expected = -1000 * (Double(skew.dropLast()) ?? 0)
        #expect(abs(offset - expected) < 1000)
        let receive = try #require(trace.first { $0.name == "websocket.receive" })
        #expect(receive.attributes?["clock.offset_ms"]?.number != nil)
        let whole = (trace.map(\.end).max() ?? 0) - publish.start
        #expect(whole > 0 && whole < 10e9, "seconds, not minutes")
    }

    /// Groups the collector's spans by trace.
    private static func traces(_ spans: [JSON]) -> [[Span]] {
        Array(Dictionary(grouping: spans.compactMap(Span.init), by: \.trace).values)
    }
}
