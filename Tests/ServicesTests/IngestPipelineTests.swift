import CoreMetrics
import Logging
import MQTTTransport
import Telemetry
import Testing

@testable import Services

/// Batches become readings in the broker's order; what cannot be decoded is counted and stops nothing.
@Suite("Ingest")
struct IngestPipelineTests {
    private static func message(
        _ topic: String, _ payload: String, properties: [MQTTUserProperty] = []
    ) -> MQTTMessage {
        MQTTMessage(topic: topic, payload: Array(payload.utf8), userProperties: properties)
    }

    private static func pipeline(_ fixture: StreamFixture) -> IngestPipeline {
        IngestPipeline(
            decoder: TelemetryDecoder(), stream: fixture.stream,
            metrics: IngestMetrics(factory: NOOPMetricsHandler.instance), clock: fixture.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test("A batch's readings are published in its order, around what cannot be decoded")
    func order() throws {
        let fixture = StreamFixture()
        try fixture.join("sensors/#")
        _ = fixture.received()
        let pipeline = Self.pipeline(fixture)
        try pipeline.accept(
            MQTTBatch(messages: [
                Self.message("sensors/a/t", "1"), Self.message("sensors/a/t", "not a number"),
                Self.message("sensors/b", #"{"t":2}"#), Self.message("elsewhere", "3"),
                Self.message("sensors/a/t", #"{"value":"NaN"}"#), Self.message("sensors/a/t", "4"),
            ]))
        let values = fixture.received().map { $0.contains(#""device":"b""#) ? "b" : $0.contains(#""t":1"#) ? "1" : "4" }
        #expect(values == ["1", "b", "4"])
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 6, readings: 3, failures: 3))
    }

    @Test("The time of receipt is taken where the device gives none")
    func receiveTime() throws {
        let fixture = StreamFixture()
        fixture.clock.set(1234)
        try fixture.join("sensors/a")
        _ = fixture.received()
        try Self.pipeline(fixture).accept(MQTTBatch(messages: [Self.message("sensors/a/t", "1")]))
        #expect(fixture.received().first?.contains(#""timestamp":1234}"#) == true)
    }
}
