import AlertRules
import CoreMetrics
import Foundation
import Logging
import MQTTTransport
import OTLP
import Realtime
import Storage
import Telemetry
import TestSupport
import Testing
import Tracing

@testable import Services

/// An alert is stored with the reading behind it or not at all, told once to those whom it concerns, and goes on after
/// a restart.
@Suite("Alerts")
struct AlertServiceTests {
    /// A pipeline with rules, and the room of somebody who watches.
    final class Setup {
        let ingest: IngestFixture
        let alerts: AlertService
        let pipeline: IngestPipeline
        let spans = SpanLog()
        private var packetID: UInt16 = 0

        init(_ rules: [AlertRule], after earlier: Setup? = nil, samples: Bool = false) throws {
            ingest = try IngestFixture(StreamFixture(), directory: earlier?.ingest.directory)
            let tracer = OTLPTracer(
                resource: Resource(serviceName: "test"),
                sampler: samples ? .parentBasedAlwaysOn : Sampler(root: .alwaysOff),
                processors: [spans])
            alerts = try AlertService(
                configuration: .init(rules: rules, hasWebhook: true), history: .init(), database: ingest.database,
                writer: ingest.writer, hub: ingest.stream.hub, tracer: tracer, factory: NOOPMetricsHandler.instance,
                clock: ingest.stream.clock, logger: ingest.logger)
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

        /// Returns when the writer has done what it was asked for until now.
        func settle() async throws {
            try await ingest.writer.submit(byteCount: 1) { _ in RoomWriter.Effect(()) }
        }

        /// What was told since the last call: `alert firing`, `notification Too hot: d`.
        func told() -> [String] {
            ingest.stream.received().compactMap { text in
                guard let payload = try? JSONParser.parse(Array(text.utf8)) else { return nil }
                if let alert = payload["alert"] {
                    return "\(payload["room_id"]?.stringValue ?? "?") \(alert["state"]?.stringValue ?? "?")"
                }
                return payload["title"]?.stringValue.map { "notification \($0)" }
            }
        }

        var stored: [StoredAlert] {
            get throws { try ingest.database.read { try $0.alerts(AlertQuery()) } }
        }
    }

    private static func rule(
        for hold: Duration = .zero, repeat interval: Duration? = nil, condition: AlertCondition = .above(30)
    ) -> AlertRule {
        AlertRule(
            name: "hot", title: "Too hot", metric: "t", condition: condition, holdFor: hold, repeatInterval: interval,
            severity: .critical, recipients: .init(users: ["ada"], rooms: ["chat/ops"]))
    }

    @Test("Firing and resolved are told to the device's room, to users and to rooms, each once")
    func told() throws {
        let setup = try Setup([Self.rule()])
        try setup.value(31, at: 1000)
        #expect(setup.told() == ["sensors/d firing", "notification Too hot: d", "chat/ops firing"])
        try setup.value(32, at: 1001)
        #expect(setup.told() == [])
        try setup.value(20, at: 1002)
        #expect(setup.told() == ["sensors/d resolved", "notification Resolved: Too hot: d", "chat/ops resolved"])
        let alert = try #require(try setup.stored.first)
        #expect(try setup.stored.count == 1)
        #expect(alert.state == .resolved && alert.value == 20 && alert.condition == "above 30")
        #expect(alert.message == "d: t is 20 (above 30)")
        #expect(alert.firedAt == Timestamp(secondsSinceEpoch: 1000))
        #expect(alert.resolvedAt == Timestamp(secondsSinceEpoch: 1002))
    }

    @Test("Rooms remember an alert, and a user's notification is stored, with a link to it")
    func remembered() throws {
        let setup = try Setup([Self.rule()])
        try setup.value(31, at: 1000)
        let (room, notifications, alert) = try setup.ingest.database.read { snapshot in
            (
                try snapshot.messages(in: "chat/ops", after: 0, limit: 9),
                try snapshot.unreadNotifications(of: "ada", at: Timestamp(nanosecondsSinceEpoch: 0), limit: 9),
                try snapshot.activeAlerts().first
            )
        }
        #expect(room.map(\.type) == ["alert"])
        let id = try #require(alert?.alertID)
        let payload = try JSONParser.parse(try #require(notifications.first).payload)
        #expect(payload["link"]?.stringValue == "/?alert=\(id)")
        #expect(payload["priority"]?.stringValue == "critical")
    }

    @Test("When the transaction fails, nothing was told; the reading that comes again fires it, once")
    func failedCommit() throws {
        let setup = try Setup([Self.rule()])
        try setup.value(20, at: 999)
        _ = setup.told()
        try setup.ingest.forbidAlerts()
        // The alert cannot be stored: the message is given up, and with it what it did to the alert.
        try setup.value(31, at: 1000)
        #expect(setup.told() == [])
        #expect(try setup.stored.isEmpty && setup.alerts.activeCount == 0)
        try setup.ingest.allowAlerts()
        try setup.value(31, at: 1001)
        #expect(setup.told().first == "sensors/d firing")
        #expect(try setup.stored.count == 1)
    }

    @Test("A pending alert fires by time alone, is told again at its interval, and not after it was acknowledged")
    func time() async throws {
        let setup = try Setup([Self.rule(for: .seconds(10), repeat: .seconds(60))])
        try setup.value(31, at: 1000)
        #expect(setup.told() == [])
        #expect(try setup.stored.map(\.state) == [.pending])
        try await setup.tick(1009)
        #expect(setup.told() == [])
        try await setup.tick(1010)
        #expect(setup.told() == ["sensors/d firing", "notification Too hot: d", "chat/ops firing"])
        try await setup.tick(1070)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
        let id = try #require(try setup.stored.first?.alertID)
        let known = try await setup.alerts.acknowledge(id, by: "ada")
        #expect(known.acknowledgedBy == "ada")
        #expect(setup.told() == ["sensors/d firing"])
        try await setup.tick(1200)
        #expect(setup.told() == [])
        try setup.value(20, at: 1201)
        #expect(setup.told().count == 3)
        #expect(try setup.stored.first?.acknowledgedBy == "ada")
        await #expect(throws: RequestError.self) { try await setup.alerts.acknowledge(id, by: "ada") }
        await #expect(throws: RequestError.self) { try await setup.alerts.acknowledge("none", by: "ada") }
    }

    @Test("What was pending and never fired leaves nothing behind")
    func cancelled() throws {
        let setup = try Setup([Self.rule(for: .seconds(10))])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        #expect(setup.told() == [])
        #expect(try setup.stored.isEmpty)
    }

    @Test("A restart tells nobody again, and goes on to the end; so does what was acknowledged")
    func restart() async throws {
        let first = try Setup([Self.rule(for: .seconds(5), repeat: .seconds(60))])
        try first.value(31, at: 1000)
        try await first.tick(1005)
        #expect(first.told().count == 3)
        try first.ingest.database.close()
        let second = try Setup([Self.rule(for: .seconds(5), repeat: .seconds(60))], after: first)
        #expect(second.alerts.activeCount == 1)
        try second.value(31, at: 1010)
        try await second.tick(1020)
        #expect(second.told() == [])
        _ = try await second.alerts.acknowledge(try #require(try second.stored.first?.alertID), by: "ada")
        try second.ingest.database.close()
        let third = try Setup([Self.rule(for: .seconds(5), repeat: .seconds(60))], after: second)
        try await third.tick(1200)
        #expect(third.told() == [])
        try third.value(20, at: 1300)
        #expect(third.told() == ["sensors/d resolved", "notification Resolved: Too hot: d", "chat/ops resolved"])
    }

    @Test("An alert whose rule is gone ends at the next start")
    func orphan() async throws {
        let first = try Setup([Self.rule()])
        try first.value(31, at: 1000)
        try first.ingest.database.close()
        let second = try Setup([], after: first)
        try await second.tick(1001)
        #expect(second.told() == ["sensors/d resolved"])
        #expect(try second.stored.map(\.state) == [.resolved])
        try await second.tick(1002)
        #expect(second.told() == [])
    }

    @Test("While it is silenced an alert is recorded and drawn, and nobody is told")
    func silence() async throws {
        let setup = try Setup([Self.rule()])
        try setup.value(31, at: 1000)
        let id = try #require(try setup.stored.first?.alertID)
        _ = setup.told()
        let silenced = try await setup.alerts.silence(id, until: Timestamp(secondsSinceEpoch: 2000), by: "ada")
        #expect(silenced.silencedUntil == Timestamp(secondsSinceEpoch: 2000))
        #expect(setup.told() == ["sensors/d firing"])
        try setup.value(20, at: 1001)
        try setup.value(31, at: 1500)
        #expect(setup.told() == ["sensors/d resolved", "sensors/d firing"])
        _ = try await setup.alerts.silence(id, until: nil, by: "ada")
        _ = setup.told()
        try setup.value(20, at: 1501)
        #expect(setup.told().count == 3)
    }

    @Test("A silent device is told of, though it was heard before the restart only")
    func silentDevice() async throws {
        let rule = Self.rule(condition: .noData(.seconds(60)))
        let first = try Setup([rule])
        try first.value(1, at: 1000)
        try first.ingest.database.close()
        let second = try Setup([rule], after: first)
        try await second.tick(2000)
        #expect(second.told() == [])
        try await second.tick(2060)
        #expect(second.told().first == "sensors/d firing")
        try second.value(1, at: 2061)
        #expect(second.told().first == "sensors/d resolved")
    }

    @Test("Every alert has a trace: the reading's where it is sampled, else one of its own that names the device's")
    func traces() throws {
        let sampled = try Setup([Self.rule()], samples: true)
        let trace = "0af7651916cd43dd8448eb211c80319c"
        try sampled.value(31, at: 1000, trace: "00-\(trace)-b7ad6b7169203331-01")
        #expect(try sampled.stored.first?.traceID == trace)
        let notify = try #require(sampled.spans.named("alert.notify").first)
        #expect(notify.context.traceIDText == trace)
        #expect(sampled.spans.named("alert.evaluate").first?.context.traceIDText == trace)
        let unsampled = try Setup([Self.rule()])
        try unsampled.value(31, at: 1000, trace: "00-\(trace)-b7ad6b7169203331-00")
        let own = try #require(unsampled.spans.named("alert.notify").first)
        #expect(own.parent == nil)
        #expect(own.links.map(\.context.traceContext?.traceIDText) == [trace])
        #expect(try unsampled.stored.first?.traceID == own.context.traceIDText)
    }

    @Test("The webhook's events are stored with the alert, in order")
    func webhook() throws {
        let setup = try Setup([Self.rule()])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        var events: [String] = []
        while let event = try setup.ingest.database.read({ try $0.nextWebhookEvent() }) {
            let body = try JSONParser.parse(event.body)
            #expect(body["event_id"]?.stringValue == event.eventID)
            events.append("\(body["event"]?.stringValue ?? "?") \(body["alert"]?["device"]?.stringValue ?? "?")")
            try setup.ingest.database.write { try $0.removeWebhookEvent(event.eventID) }
        }
        #expect(events == ["alert.firing d", "alert.resolved d"])
    }
}
