import AlertRules
import Core
import Storage
import Testing

@testable import Services

/// Notifications of a flapping sensor are limited, and the last one shows the current state.
@Suite("Flapping alerts")
struct AlertPauseTests {
    private let rule = AlertSetup.rule(pause: .seconds(300))

    @Test(
        "Recipients of a flapping alert are notified once per interval, with the number of suppressed alerts"
    )
    func flapping() async throws {
        let setup = try AlertSetup([rule])
        for second in 0..<600 {
            try setup.value(second % 2 == 0 ? 31 : 20, at: 1000 + Double(second))
            if second % 50 == 0 { try await setup.tick(1000 + Double(second)) }
        }
        let told = setup.told()
        // Pages show every transition.
        #expect(told.filter { $0 == "sensors/d firing" }.count == 300)
        #expect(told.filter { $0 == "sensors/d resolved" }.count == 300)
        #expect(
            told.filter { $0.hasPrefix("notification") } == [
                "notification Too hot: d", "notification Resolved: Too hot: d", "notification Too hot: d",
                "notification Resolved: Too hot: d",
            ])
        #expect(
            told.filter { $0.hasPrefix("chat/ops") } == [
                "chat/ops firing", "chat/ops resolved", "chat/ops firing", "chat/ops resolved",
            ])
        let notifications = try setup.notifications()
        #expect(notifications.map { $0["suppressed"]?.integerValue } == [nil, nil, 149, nil])
        #expect(notifications[2]["body"]?.stringValue?.hasSuffix("(suppressed since the last alert: 149)") == true)
        #expect(try setup.message(3, in: "chat/ops")["alert"]?["suppressed"]?.integerValue == 149)
        #expect(try setup.stored.count == 300, "every alert is stored")
    }

    @Test("An alert suppressed by the interval is sent when the interval ends, if it still fires, and so is its end")
    func stillFires() async throws {
        let setup = try AlertSetup([rule])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        _ = setup.told()
        try setup.value(31, at: 1010)
        #expect(setup.told() == ["sensors/d firing"])
        try await setup.tick(1299)
        #expect(setup.told() == [])
        try await setup.tick(1300)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
        #expect(try setup.notifications().last?["suppressed"] == nil, "the suppressed alert is the one that is sent")
        #expect(try setup.lastWebhookEvent()?["event"]?.stringValue == "alert.firing")
        try await setup.tick(1301)
        #expect(setup.told() == [])
        // The end is notified at once, so that nobody is left with an outdated state.
        try setup.value(20, at: 1302)
        #expect(setup.told() == ["sensors/d resolved", "notification Resolved: Too hot: d", "chat/ops resolved"])
    }

    @Test("An alert that ends within the interval is not sent, neither firing nor resolved")
    func isOver() async throws {
        let setup = try AlertSetup([rule])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        try setup.value(31, at: 1010)
        _ = setup.told()
        try setup.value(20, at: 1011)
        #expect(setup.told() == ["sensors/d resolved"])
        try await setup.tick(1300)
        #expect(setup.told() == [])
        try setup.value(31, at: 5000)
        #expect(setup.told().count == 3)
        #expect(try setup.notifications().last?["suppressed"]?.integerValue == 1)
    }

    @Test("Other devices, other rules and rules without an interval are not suppressed")
    func others() throws {
        var other = AlertSetup.rule(pause: .zero)
        other.name = "warm"
        other.title = "Warm"
        let setup = try AlertSetup([rule, other])
        for second in stride(from: 1000.0, to: 1010, by: 2) {
            try setup.value(31, at: second)
            try setup.value(20, at: second + 1)
        }
        let told = setup.told()
        #expect(told.filter { $0 == "notification Too hot: d" }.count == 1)
        #expect(told.filter { $0 == "notification Warm: d" }.count == 5)
    }

    @Test("A restart and a clock that is set do not end the interval")
    func restartAndClock() async throws {
        let first = try AlertSetup([rule])
        try first.value(31, at: 1000)
        try first.value(20, at: 1001)
        try first.value(31, at: 1010)
        try first.ingest.database.close()
        let second = try AlertSetup([rule], after: first)
        try await second.tick(1100)
        #expect(second.told() == [])
        second.clockStep.set(.seconds(1_000_000))
        try await second.tick(1_001_101)
        try await second.tick(1_001_299)
        #expect(second.told() == [])
        try await second.tick(1_001_300)
        #expect(second.told() == ["notification Too hot: d", "chat/ops firing"])
    }

    @Test("An alert whose notification failed counts as not sent, and is retried")
    func untold() async throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.ingest.forbidTelling()
        try setup.value(31, at: 1000)
        #expect(setup.told() == ["sensors/d firing"])
        #expect(try setup.stored.map(\.isAnnounced) == [false])
        try await setup.tick(1059)
        try setup.ingest.allowTelling()
        try await setup.tick(1060)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
        #expect(try setup.stored.map(\.isAnnounced) == [true])
        try setup.value(20, at: 1061)
        #expect(setup.told().count == 3)
    }
}
