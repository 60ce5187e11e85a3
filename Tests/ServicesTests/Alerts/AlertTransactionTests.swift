import AlertRules
import Core
import Dispatch
import Storage
import Telemetry
import TestSupport
import Testing

@testable import Services

/// The alerts in memory follow the database: an evaluation whose transaction fails has not happened.
///
/// Waiting for a failing tick may throw as well, because the request that waits may share the tick's transaction.
@Suite("Alerts and failed transactions")
struct AlertTransactionTests {
    private static let all = ["sensors/d firing", "notification Too hot: d", "chat/ops firing"]

    @Test(
        "A failed transaction sends nothing; the redelivered reading fires the alert once",
        arguments: IngestFixture.AlertFailure.allCases)
    func failedCommit(_ failure: IngestFixture.AlertFailure) throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(20, at: 999)
        _ = setup.told()
        try setup.ingest.forbidAlerts(failure)
        // Storing the alert fails, so the message is rejected and its effect on the alert is rolled back.
        try setup.value(31, at: 1000)
        #expect(setup.told() == [])
        #expect(try setup.stored.isEmpty && setup.alerts.activeCount == 0)
        try setup.ingest.allowAlerts()
        try setup.value(31, at: 1001)
        #expect(setup.told() == Self.all)
        #expect(try setup.stored.count == 1)
        try setup.value(32, at: 1002)
        #expect(setup.told() == [])
    }

    @Test(
        "An alert whose resolution cannot be stored stays active, and the next reading resolves it",
        arguments: IngestFixture.AlertFailure.allCases)
    func failedEnd(_ failure: IngestFixture.AlertFailure) throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        try setup.value(31, at: 1000)
        _ = setup.told()
        try setup.ingest.forbidAlerts(failure)
        try setup.value(20, at: 1001)
        #expect(setup.told() == [])
        #expect(setup.alerts.activeCount == 1)
        try setup.ingest.allowAlerts()
        try setup.value(20, at: 1002)
        #expect(setup.told() == ["sensors/d resolved", "notification Resolved: Too hot: d", "chat/ops resolved"])
        #expect(setup.alerts.activeCount == 0)
    }

    @Test(
        "A failed tick rolls back only itself, and the next tick sends its notifications",
        arguments: IngestFixture.AlertFailure.allCases)
    func failedTick(_ failure: IngestFixture.AlertFailure) async throws {
        let setup = try AlertSetup([AlertSetup.rule(for: .seconds(10))])
        try setup.value(31, at: 1000)
        try setup.ingest.forbidAlerts(failure)
        setup.ingest.stream.clock.set(1010)
        // While one request holds the writer, the tick and a chat message gather for the next transaction.
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        let writer = setup.ingest.writer
        writer.submit(byteCount: 1) { _ in
            gate.wait()
            return DatabaseWriter.Effect(())
        } completion: { _ in
        }
        try await eventually("the writer holds the request") { writer.waitingCount == 0 }
        setup.alerts.tick(isListening: true)
        writer.submit(byteCount: 1) { transaction in
            DatabaseWriter.Effect(
                try transaction.append(
                    to: "chat/ops", messageID: "m", type: "chat_message", payload: Array("{}".utf8),
                    at: Timestamp(nanosecondsSinceEpoch: 0)))
        } completion: { _ in
        }
        #expect(writer.waitingCount == 2)
        gate.signal()
        try? await setup.settle()
        #expect(setup.told() == [])
        #expect(try setup.stored.map(\.state) == [.pending] && setup.alerts.activeCount == 1)
        let messages = try await setup.ingest.database.read { try $0.messages(in: "chat/ops", after: 0, limit: 9) }
        // A failed statement concerns the tick's savepoint only.
        #expect(messages.map(\.messageID) == (failure == .statement ? ["m"] : []))
        try setup.ingest.allowAlerts()
        try await setup.tick(1011)
        #expect(setup.told() == Self.all)
        try await setup.tick(1012)
        #expect(setup.told() == [])
    }

    @Test("An alert without a rule ends with the first tick that can be stored")
    func failedOrphan() async throws {
        let first = try AlertSetup([AlertSetup.rule()])
        try first.value(31, at: 1000)
        try first.ingest.database.close()
        let second = try AlertSetup([], after: first)
        try second.ingest.forbidAlerts(.commit)
        try? await second.tick(1001)
        #expect(second.told() == [])
        try second.ingest.allowAlerts()
        try await second.tick(1002)
        #expect(second.told() == ["sensors/d resolved"])
        try await second.tick(1003)
        #expect(second.told() == [])
    }

    @Test("A clock change is applied to stored alerts once storing succeeds again")
    func failedClockChange() async throws {
        let setup = try AlertSetup([AlertSetup.rule(pause: .seconds(300))])
        try setup.value(31, at: 1000)
        try setup.value(20, at: 1001)
        try setup.value(31, at: 1010)
        try await setup.tick(1011)
        _ = setup.told()
        setup.clockStep.set(.seconds(1000))
        try setup.ingest.forbidAlerts(.commit)
        try? await setup.tick(2012)
        try setup.ingest.allowAlerts()
        try await setup.tick(2013)
        try await setup.tick(2299)
        #expect(setup.told() == [])
        try await setup.tick(2300)
        #expect(setup.told() == ["notification Too hot: d", "chat/ops firing"])
    }

    @Test("A rejected tick does not roll back the batch in progress")
    func refusedTick() async throws {
        let setup = try AlertSetup([AlertSetup.rule()])
        let reading = Reading(
            device: try #require(DeviceID("d")), room: "sensors/d", metrics: [Metric(name: "t", value: 31)],
            time: Timestamp(secondsSinceEpoch: 1000) ?? setup.ingest.stream.clock.now(),
            receivedAt: setup.ingest.stream.clock.now())
        await setup.ingest.writer.close()
        try setup.ingest.writer.commit { transaction in
            let messages = try setup.alerts.evaluate([IngestedReading(reading)], in: transaction)
            setup.alerts.tick(isListening: true)
            return DatabaseWriter.Effect((), messages: messages)
        }
        #expect(setup.alerts.activeCount == 1)
        #expect(try setup.stored.map(\.state) == [.firing])
    }
}
