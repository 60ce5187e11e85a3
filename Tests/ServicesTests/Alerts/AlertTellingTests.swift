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

/// Recipients of an alert also learn of its end. Silences, traces, pages and webhooks follow the stored state.
@Suite("Notifications of alerts")
struct AlertTellingTests {
    @Test("An alert is stored in room histories, and as a notification with a link to the alert")
    func remembered() throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(31, at: 1000)
        let (room, notifications, alert) = try setup.ingest.database.read { snapshot in
            (
                try snapshot.messages(in: "chat/ops", after: 0, limit: 9),
                try snapshot.notifications(
                    of: "ada", before: nil, unreadOnly: true, at: Timestamp(nanosecondsSinceEpoch: 0), limit: 9),
                try snapshot.activeAlerts().first
            )
        }
        #expect(room.map(\.type) == ["alert"])
        let id = try #require(alert?.alertID)
        let payload = try JSONParser.parse(try #require(notifications.first).payload)
        #expect(payload["link"]?.stringValue == "/?alert=\(id)")
        #expect(payload["priority"]?.stringValue == "critical")
    }

    @Test("An alert is sent after the reading that triggered it")
    func order() throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(31, at: 1000)
        let payloads = try setup.ingest.stream.received().map { try JSONParser.parse(Array($0.utf8)) }
        #expect(payloads.map { $0["alert"] == nil && $0["title"] == nil } == [true, false, false, false])
    }

    @Test("A silenced alert is stored and sent to the device's room, but not to recipients")
    func silence() async throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(31, at: 1000)
        let id = try #require(try setup.stored.first?.alertID)
        _ = setup.told()
        let silenced = try await setup.alerts.silence(id, until: Timestamp(secondsSinceEpoch: 2000), by: "ada")
        #expect(silenced.silencedUntil == Timestamp(secondsSinceEpoch: 2000))
        #expect(setup.told() == ["sensors/d firing"])
        try setup.value(20, at: 1001)
        #expect(setup.told().count == 3, "recipients of the firing alert get its end")
        try setup.value(31, at: 1500)
        #expect(setup.told() == ["sensors/d firing"])
        try setup.value(20, at: 1501)
        #expect(setup.told() == ["sensors/d resolved"])
        try setup.value(31, at: 1600)
        #expect(setup.told() == ["sensors/d firing"])
        _ = try await setup.alerts.silence(id, until: nil, by: "ada")
        _ = setup.told()
        try setup.value(20, at: 1601)
        #expect(setup.told() == ["sensors/d resolved"])
    }

    @Test("An alert that began during a silence is sent once when the silence ends, if it still fires")
    func lateTelling() async throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        let id = try #require(try setup.stored.first?.alertID)
        _ = try await setup.alerts.silence(id, until: Timestamp(secondsSinceEpoch: 2000), by: "ada")
        try setup.value(31, at: 1002)
        try await setup.tick(1999)
        _ = setup.told()
        try await setup.tick(2000)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
        let event = try #require(try setup.lastWebhookEvent())
        #expect(event["event"]?.stringValue == "alert.firing")
        try await setup.tick(2001)
        #expect(setup.told() == [])
        try setup.value(20, at: 2002)
        #expect(setup.told().count == 3)
    }

    @Test("After a silence, recipients are notified once, and repeats follow at the interval")
    func lateRepeats() async throws {
        let setup = try AlertSetup([AlertSetup.rule(repeat: .seconds(60))])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        let id = try #require(try setup.stored.first?.alertID)
        func silence(until seconds: Double) async throws {
            _ = try await setup.alerts.silence(id, until: Timestamp(secondsSinceEpoch: seconds), by: "ada")
        }
        // The silence ends just before the first repeat.
        try await silence(until: 2059)
        try setup.value(31, at: 2000)
        _ = setup.told()
        try await setup.tick(2059)
        #expect(setup.told().count == 2)
        try await setup.tick(2060)
        #expect(setup.told() == [])
        try await setup.tick(2119)
        #expect(setup.told().count == 2)
        #expect(try setup.lastWebhookEvent()?["event"]?.stringValue == "alert.repeated")
        try setup.value(20, at: 2120)
        // The silence ends with a repeat, which is the first notification that recipients get.
        try await silence(until: 3060)
        try setup.value(31, at: 3000)
        _ = setup.told()
        try await setup.tick(3060)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
        #expect(try setup.lastWebhookEvent()?["event"]?.stringValue == "alert.firing")
    }

    @Test("Pages of alerts contain the caller's rooms only, however many alerts other rooms have")
    func pages() async throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.ingest.database.write { transaction in
            for number in 0..<3000 {
                try transaction.save(
                    StoredAlert(
                        alertID: "\(number)", rule: "hot", title: "", severity: "info", device: "d",
                        room: number < 3 ? "sensors/mine" : "sensors/other", metric: "t", state: .resolved,
                        condition: "", message: "", pendingAt: Timestamp(nanosecondsSinceEpoch: Int64(number))))
            }
        }
        let page = try await setup.alerts.page(AlertQuery(limit: 2)) { $0 == "sensors/mine" }
        #expect(page.alerts.map(\.alertID) == ["2", "1"] && page.hasMore)
        let rest = try await setup.alerts.page(AlertQuery(before: "1", limit: 2)) { $0 == "sensors/mine" }
        #expect(rest.alerts.map(\.alertID) == ["0"] && !rest.hasMore)
    }

    @Test("An alert has the trace of its sampled reading, otherwise a trace of its own linked to the device's")
    func traces() throws {
        let sampled = try AlertSetup([AlertSetup.rule()], samples: true)
        let trace = "0af7651916cd43dd8448eb211c80319c"
        try sampled.value(31, at: 1000, trace: "00-\(trace)-b7ad6b7169203331-01")
        #expect(try sampled.stored.first?.traceID == trace)
        let notify = try #require(sampled.spans.named("alert.notify").first)
        #expect(notify.context.traceIDText == trace)
        #expect(sampled.spans.named("alert.evaluate").first?.context.traceIDText == trace)
        let unsampled = try AlertSetup([AlertSetup.rule()])
        try unsampled.value(31, at: 1000, trace: "00-\(trace)-b7ad6b7169203331-00")
        let own = try #require(unsampled.spans.named("alert.notify").first)
        #expect(own.parent == nil)
        #expect(own.links.map(\.context.traceContext?.traceIDText) == [trace])
        #expect(try unsampled.stored.first?.traceID == own.context.traceIDText)
    }

    @Test("Alerts fired by a tick, repeats and the end are linked to the trace of the triggering reading")
    func tracesOfTime() async throws {
        let setup = try AlertSetup([AlertSetup.rule(for: .seconds(10), repeat: .seconds(60))], samples: true)
        let trace = "0af7651916cd43dd8448eb211c80319c"
        try setup.value(31, at: 1000, trace: "00-\(trace)-b7ad6b7169203331-01")
        try await setup.tick(1010)
        try await setup.tick(1070)
        try setup.value(20, at: 1071)
        let spans = setup.spans.named("alert.notify")
        #expect(spans.count == 3)
        for span in spans { #expect(span.links.map(\.context.traceContext?.traceIDText) == [trace]) }
        #expect(try setup.stored.first?.traceID == trace)
    }

    @Test("Webhook events are stored with the alert, in order")
    func webhook() throws {
        let setup = try AlertSetup([AlertSetup.rule()])
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
