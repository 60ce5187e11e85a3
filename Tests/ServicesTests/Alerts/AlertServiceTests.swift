import AlertRules
import Core
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

/// An alert is stored with its reading or not at all, notified once to its recipients, and continues after a restart.
@Suite("Alerts")
struct AlertServiceTests {
    @Test("Firing and resolved are sent once to the device's room, to users and to rooms")
    func told() throws {
        let setup = try AlertSetup([AlertSetup.rule()])
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

    @Test("A pending alert fires on a tick, is repeated at its interval, and no longer once acknowledged")
    func time() async throws {
        let setup = try AlertSetup([AlertSetup.rule(for: .seconds(10), repeat: .seconds(60))])
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
        let again = try await setup.alerts.acknowledge(id, by: "bob")
        #expect(
            again.acknowledgedBy == "ada" && again.acknowledgedAt == known.acknowledgedAt,
            "the first acknowledgement is kept")
        _ = setup.told()
        try await setup.tick(1200)
        #expect(setup.told() == [])
        try setup.value(20, at: 1201)
        #expect(setup.told().count == 3)
        #expect(try setup.stored.first?.acknowledgedBy == "ada")
        await #expect(throws: RequestError.self) { try await setup.alerts.acknowledge(id, by: "ada") }
        await #expect(throws: RequestError.self) { try await setup.alerts.acknowledge("none", by: "ada") }
    }

    @Test("A pending alert that never fires leaves no record")
    func cancelled() throws {
        let setup = try AlertSetup([AlertSetup.rule(for: .seconds(10))])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        #expect(setup.told() == [])
        #expect(try setup.stored.isEmpty)
    }

    @Test("After a restart, firing and acknowledged alerts are not sent again, and resolve as before")
    func restart() async throws {
        let first = try AlertSetup([AlertSetup.rule(for: .seconds(5), repeat: .seconds(60))])
        try first.value(31, at: 1000)
        try await first.tick(1005)
        #expect(first.told().count == 3)
        try first.ingest.database.close()
        let second = try AlertSetup([AlertSetup.rule(for: .seconds(5), repeat: .seconds(60))], after: first)
        #expect(second.alerts.activeCount == 1)
        try second.value(31, at: 1010)
        try await second.tick(1020)
        #expect(second.told() == [])
        _ = try await second.alerts.acknowledge(try #require(try second.stored.first?.alertID), by: "ada")
        try second.ingest.database.close()
        let third = try AlertSetup([AlertSetup.rule(for: .seconds(5), repeat: .seconds(60))], after: second)
        try await third.tick(1200)
        #expect(third.told() == [])
        try third.value(20, at: 1300)
        #expect(third.told() == ["sensors/d resolved", "notification Resolved: Too hot: d", "chat/ops resolved"])
    }

    @Test("Replaced rules apply to the next reading, and alerts of removed rules are resolved")
    func replacedRules() async throws {
        let setup = try AlertSetup([])
        setup.alerts.replaceRules([AlertSetup.rule()])
        #expect(setup.alerts.users(notifiedBy: "hot") == ["ada"])
        try setup.value(31, at: 1000)
        #expect(setup.told() == ["sensors/d firing", "notification Too hot: d", "chat/ops firing"])
        setup.alerts.replaceRules([])
        try await setup.tick(1001)
        #expect(setup.told() == ["sensors/d resolved"])
        #expect(try setup.stored.map(\.state) == [.resolved])
        try setup.value(32, at: 1002)
        #expect(setup.told() == [])
    }

    @Test("An alert whose rule was removed is resolved at the next start")
    func orphan() async throws {
        let first = try AlertSetup([AlertSetup.rule()])
        try first.value(31, at: 1000)
        try first.ingest.database.close()
        let second = try AlertSetup([], after: first)
        try await second.tick(1001)
        #expect(second.told() == ["sensors/d resolved"])
        #expect(try second.stored.map(\.state) == [.resolved])
        // Systems that track incidents through the webhook are notified.
        let event = try #require(try second.lastWebhookEvent())
        #expect(event["event"]?.stringValue == "alert.resolved")
        try await second.tick(1002)
        #expect(second.told() == [])
    }

    @Test("A clock that is set ahead fires no pending alert and no silence alert")
    func clockIsSet() async throws {
        let silence = AlertRule(name: "silent", metric: "t", condition: .noData(.seconds(60)))
        let setup = try AlertSetup([AlertSetup.rule(for: .seconds(10)), silence])
        try await setup.tick(999)
        try setup.value(31, at: 1000)
        setup.clockStep.set(.seconds(1_000_000))
        try await setup.tick(1_001_001)
        #expect(setup.told() == [])
        #expect(try setup.stored.map(\.state) == [.pending])
        try await setup.tick(1_001_010)
        #expect(setup.told().first == "sensors/d firing")
    }

    @Test("After a restart, the latest value of a metric counts, also if its unit changed")
    func unitsAcrossRestart() async throws {
        let first = try AlertSetup([AlertSetup.rule()])
        func store(_ value: Double, _ unit: String?, at seconds: Double) throws {
            let instant = try #require(Timestamp(secondsSinceEpoch: seconds))
            let reading = Reading(
                device: try #require(DeviceID("d")), room: "sensors/d",
                metrics: [Metric(name: "t", value: value, unit: unit)], time: instant, receivedAt: instant)
            try first.ingest.writer.commit { transaction in
                _ = try first.ingest.readings.append([reading], in: transaction)
                return DatabaseWriter.Effect(
                    (), messages: try first.alerts.evaluate([IngestedReading(reading)], in: transaction))
            }
        }
        try store(20, nil, at: 1000)
        try store(20, "°C", at: 1001)
        try store(31, nil, at: 1002)
        try first.ingest.database.close()
        let second = try AlertSetup([AlertSetup.rule()], after: first)
        try await second.tick(1003)
        #expect(second.told() == [])
        #expect(second.alerts.activeCount == 1)
    }

    @Test("A change across a restart is detected from the stored readings")
    func changeAcrossRestart() throws {
        let rule = AlertSetup.rule(condition: .change(by: 5, within: .seconds(600), .any))
        let first = try AlertSetup([rule])
        for second in 0..<50 { try first.value(1, at: 1000 + Double(second)) }
        try first.ingest.database.close()
        let second = try AlertSetup([rule], after: first)
        try second.value(9, at: 1100)
        #expect(second.told().first == "sensors/d firing")
    }

    @Test("A silence alert fires for a device that last sent before the restart")
    func silentDevice() async throws {
        let rule = AlertSetup.rule(condition: .noData(.seconds(60)))
        let first = try AlertSetup([rule])
        try first.value(1, at: 1000)
        try first.ingest.database.close()
        let second = try AlertSetup([rule], after: first)
        try await second.tick(2000)
        #expect(second.told() == [])
        try await second.tick(2060)
        #expect(second.told().first == "sensors/d firing")
        try second.value(1, at: 2061)
        #expect(second.told().first == "sensors/d resolved")
    }
}
