import AlertRules
import Core
import CoreMetrics
import Foundation
import Logging
import MQTTTransport
import OTLP
import Realtime
import Storage
import TestSupport
import Testing
import Tracing

@testable import Services

/// A pipeline with alert rules and a client that watches its rooms.
final class AlertSetup {
    let ingest: IngestFixture
    let alerts: AlertService
    let pipeline: IngestPipeline
    let spans = SpanLog()
    /// The amount by which the clock was set forward without that much time passing.
    final class ClockStep: Sendable {
        private let value = Lock(Duration.zero)
        func set(_ step: Duration) { value.withLock { $0 = step } }
        func get() -> Duration { value.withLock { $0 } }
    }

    let clockStep = ClockStep()
    private var packetID: UInt16 = 0

    init(_ rules: [AlertRule], after earlier: AlertSetup? = nil, samples: Bool = false) throws {
        ingest = try IngestFixture(StreamFixture(), directory: earlier?.ingest.directory)
        let tracer = OTLPTracer(
            resource: Resource(serviceName: "test"),
            sampler: samples ? .parentBasedAlwaysOn : Sampler(root: .alwaysOff),
            processors: [spans])
        let clock = ingest.stream.clock
        alerts = try AlertService(
            configuration: .init(rules: rules, hasWebhook: true), history: .init(), database: ingest.database,
            writer: ingest.writer, hub: ingest.stream.hub, tracer: tracer, factory: NOOPMetricsHandler.instance,
            clock: clock,
            uptime: { [clockStep] in
                .nanoseconds(clock.now().nanosecondsSinceEpoch) - clockStep.get()
            }, logger: ingest.logger)
        pipeline = ingest.pipeline(
            entry: EntryTracer(
                tracer: tracer, sampler: samples ? .parentBasedAlwaysOn : Sampler(root: .alwaysOff)),
            alerts: alerts)
        for room in ["sensors/#", "users/ada", "chat/ops"] { try ingest.stream.join(room) }
        _ = ingest.stream.received()
    }

    func value(_ value: Double, at seconds: Double, trace: String? = nil) throws {
        ingest.stream.clock.set(seconds)
        packetID += 1
        let properties = trace.map { [MQTTUserProperty(name: "traceparent", value: $0)] } ?? []
        try pipeline.accept(
            MQTTBatch(messages: [
                MQTTMessage(
                    topic: "sensors/d/t", payload: Array("\(value)".utf8), qos: .atLeastOnce, packetID: packetID,
                    userProperties: properties)
            ]))
    }

    func tick(_ seconds: Double) async throws {
        ingest.stream.clock.set(seconds)
        alerts.tick(isListening: true)
        try await settle()
    }

    /// Waits until the writer has processed everything queued so far.
    func settle() async throws {
        try await ingest.writer.submit(byteCount: 1) { _ in DatabaseWriter.Effect(()) }
    }

    /// Returns the events since the last call: `alert firing`, `notification Too hot: d`.
    func told() -> [String] {
        ingest.stream.received().compactMap { text in
            guard let payload = try? JSONParser.parse(Array(text.utf8)) else { return nil }
            if let alert = payload["alert"] {
                return "\(payload["room_id"]?.stringValue ?? "?") \(alert["state"]?.stringValue ?? "?")"
            }
            return payload["title"]?.stringValue.map { "notification \($0)" }
        }
    }

    /// Returns the bodies of a user's notifications, oldest first.
    func notifications(of user: UserID = "ada") throws -> [JSONValue] {
        try ingest.database.read { snapshot in
            try snapshot.notifications(
                of: user, before: nil, unreadOnly: true, at: Timestamp(nanosecondsSinceEpoch: 0), limit: 1000
            ).reversed().map { try JSONParser.parse($0.payload) }
        }
    }

    /// Returns the payload of a room's message.
    func message(_ offset: Int64, in room: String) throws -> JSONValue {
        let message = try ingest.database.read { try $0.messages(in: room, after: offset - 1, limit: 1).first }
        return try JSONParser.parse(try #require(message).payload)
    }

    /// Consumes all webhook events and returns the last.
    func lastWebhookEvent() throws -> JSONValue? {
        var last: JSONValue?
        while let event = try ingest.database.read({ try $0.nextWebhookEvent() }) {
            last = try JSONParser.parse(event.body)
            try ingest.database.write { try $0.removeWebhookEvent(event.eventID) }
        }
        return last
    }

    var stored: [StoredAlert] {
        get throws { try ingest.database.read { try $0.alerts(AlertQuery(limit: 1000)) } }
    }
}

extension AlertSetup {
    /// Returns a rule that notifies a user and a room.
    static func rule(
        for hold: Duration = .zero, repeat interval: Duration? = nil, pause: Duration? = nil,
        condition: AlertCondition = .above(30)
    ) -> AlertRule {
        AlertRule(
            name: "hot", title: "Too hot", metric: "t", condition: condition, holdFor: hold, repeatInterval: interval,
            minInterval: pause, severity: .critical, recipients: .init(users: ["ada"], rooms: ["chat/ops"]))
    }
}
