import Core
import MQTTTransport
import Storage
import Telemetry
import Testing

@testable import Services

/// Batches become readings in the broker's order. Undecodable messages are counted and do not stop ingest.
@Suite("Ingest")
struct IngestPipelineTests {
    private static func message(
        _ topic: String, _ payload: String, properties: [MQTTUserProperty] = []
    ) -> MQTTMessage {
        MQTTMessage(topic: topic, payload: Array(payload.utf8), userProperties: properties)
    }

    @Test("The readings of a batch are published in order, skipping undecodable messages")
    func order() throws {
        let fixture = StreamFixture()
        try fixture.join("sensors/#")
        _ = fixture.received()
        let ingest = try IngestFixture(fixture)
        let pipeline = ingest.pipeline()
        try pipeline.accept(
            MQTTBatch(messages: [
                Self.message("sensors/a/t", "1"), Self.message("sensors/a/t", "not a number"),
                Self.message("sensors/b", #"{"t":2}"#), Self.message("elsewhere", "3"),
                Self.message("sensors/a/t", #"{"value":"NaN"}"#), Self.message("sensors/a/t", "4"),
            ]))
        let values = fixture.receivedReadings().map {
            $0.contains(#""device":"b""#) ? "b" : $0.contains(#""t":1"#) ? "1" : "4"
        }
        #expect(values == ["1", "b", "4"])
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 6, readings: 3, failures: 3))
    }

    @Test("Without a device time, the receive time is used")
    func receiveTime() throws {
        let fixture = StreamFixture()
        fixture.clock.set(1234)
        try fixture.join("sensors/a")
        _ = fixture.received()
        let ingest = try IngestFixture(fixture)
        try ingest.pipeline().accept(MQTTBatch(messages: [Self.message("sensors/a/t", "1")]))
        #expect(fixture.receivedReadings().first?.contains(#""timestamp":1234}"#) == true)
    }

    @Test("Statuses and readings keep the broker's order, and statuses count neither as readings nor as failures")
    func statuses() throws {
        let fixture = StreamFixture()
        try fixture.join("sensors/#")
        _ = fixture.received()
        let ingest = try IngestFixture(fixture)
        let pipeline = ingest.pipeline()
        try pipeline.accept(
            MQTTBatch(messages: [
                Self.message("sensors/a/status", "online"), Self.message("sensors/a", #"{"t":1}"#),
                Self.message("sensors/b", #"{"t":2}"#), Self.message("sensors/a/status", "offline"),
                Self.message("sensors/a/status", ""), Self.message("sensors/b/status", "OFFLINE"),
                Self.message("sensors/b", #"{"t":3}"#), Self.message("sensors/a/status", "what?"),
            ]))
        #expect(
            fixture.receivedStatuses() == [
                "a online will", "a offline will", "b offline will", "b online reading",
            ])
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 8, readings: 3, failures: 1, statuses: 4))
    }

    @Test("A message without a reading by its convention is neither a failure nor a dead letter")
    func ignored() throws {
        let ingest = try IngestFixture(StreamFixture())
        let pipeline = ingest.pipeline()
        try pipeline.accept(
            MQTTBatch(messages: [
                Self.message("zigbee2mqtt/bridge/state", #"{"state":"online"}"#),
                Self.message("owntracks/jane/phone", #"{"_type":"lwt","tst":1714564800}"#),
                Self.message("owntracks/jane/phone", #"{"lat":1}"#),
            ]))
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 3, readings: 0, failures: 1, ignored: 2))
        let letters = try ingest.database.read { try $0.deadLetters(before: nil, reason: nil, limit: 9) }
        #expect(letters.map(\.reason) == ["wrong_type"])
    }

    @Test("Messages of a removed route are counted, but become no dead letters until the route returns")
    func removedRoute() throws {
        let ingest = try IngestFixture(StreamFixture())
        let old = try TopicRoute(pattern: "old/{device}")
        let pipeline = ingest.pipeline(decoder: TelemetryDecoder(routes: [old], statusRoutes: []))
        let service = DeadLetterService(
            routes: [old], statusRoutes: [], database: ingest.database, logger: ingest.logger)
        let new = try TopicRoute(pattern: "new/{device}")
        pipeline.replaceRoutes([new], statusRoutes: [], discovered: nil)
        service.replaceRoutes([new], statusRoutes: [])
        #expect(service.device(ofTopic: "new/a") == "a" && service.device(ofTopic: "old/a") == nil)

        try pipeline.accept(MQTTBatch(messages: [Self.message("old/a", "{}"), Self.message("odd/a", "{}")]))
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 2, failures: 2))
        func letters() throws -> [String] {
            try ingest.database.read { try $0.deadLetters(before: nil, reason: nil, limit: 9) }.map(\.topic).sorted()
        }
        #expect(try letters() == ["odd/a"])

        pipeline.replaceRoutes([old], statusRoutes: [], discovered: nil)
        try pipeline.accept(MQTTBatch(messages: [Self.message("old/a", "{"), Self.message("new/a", "{}")]))
        #expect(try letters() == ["odd/a", "old/a"], "a bad payload of a present route is kept")
    }

    @Test("A retained status is processed as retained")
    func retainedStatus() throws {
        let fixture = StreamFixture()
        let ingest = try IngestFixture(fixture)
        try ingest.pipeline().accept(
            MQTTBatch(messages: [
                MQTTMessage(topic: "tele/plug/LWT", payload: Array("Offline".utf8), isRetained: true)
            ]))
        #expect(fixture.availability(of: "plug") == "offline will 1000")
    }
}
