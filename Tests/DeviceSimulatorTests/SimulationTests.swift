import Core
import Foundation
import Logging
import MQTTTransport
import TestSupport
import Testing

@testable import DeviceSimulator

/// Real broker, real connections: all messages arrive, and a simulation ends when it should.
@Suite("Simulation against a real broker", .timeLimit(.minutes(2)))
struct SimulationTests {
    private func simulation(
        _ profiles: [DeviceProfile], port: Int, duration: Duration? = nil, count: Int? = nil, outbound: Int = 1000,
        drainTimeout: Duration = .seconds(10)
    ) throws -> Simulation {
        var mqtt = MQTTConfiguration(port: port, clientID: "simulation")
        mqtt.maxOutboundMessages = outbound
        return try Simulation(
            profiles: profiles,
            configuration: SimulationConfiguration(
                mqtt: mqtt, duration: duration, messagesPerDevice: count, drainTimeout: drainTimeout),
            logger: Logger(label: "simulation"))
    }

    @Test("Each device sends exactly its count, everything arrives, and the run ends")
    func count() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let profile = try Profiles.json("count: 20\ninterval: 5ms\nstamps: none")
        let simulation = try simulation([profile], port: broker.port, count: 25)
        let recorder = MessageRecorder()
        try await recorder.recording(from: broker) {
            try await withDeadline("the simulation ended", .seconds(30)) { try await simulation.run() }
            try await eventually("all messages arrived") { recorder.readings.count >= 500 }
        }
        let total = simulation.summary.total
        #expect(total.messages == 500)
        #expect(total.readings == 500)
        #expect(total.acknowledged == 500)
        #expect(total.payloadBytes == recorder.readings.map(\.payload.count).reduce(0, +))
        #expect(simulation.summary.isComplete)
        for name in profile.deviceNames {
            let texts = recorder.messages.filter { $0.topic == "sensors/\(name)" }.map(\.payload)
            #expect(texts == (0..<25).map { Array("{\"seq\":\($0)}".utf8) })
        }
    }

    @Test("An unpaced replay through a small client queue loses nothing")
    func backPressure() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let csv = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).csv")
        try ("x\n" + (0..<3000).map { "\($0).5\n" }.joined()).write(to: csv, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: csv) }
        let profile = try Profiles.profile(
            """
            device: d
            topic: sensors/{device}
            convention: json
            stamps: none
            replay: {file: "\(csv.path)", speed: max}
            metrics: {x: {column: x}}
            """)
        let simulation = try simulation([profile], port: broker.port, outbound: 16)
        let recorder = MessageRecorder()
        try await recorder.recording(from: broker) {
            try await withDeadline("the simulation ended", .seconds(60)) { try await simulation.run() }
            try await eventually("all messages arrived") { recorder.readings.count >= 3000 }
        }
        #expect(recorder.texts == (0..<3000).map { "{\"x\":\($0).5}" })
        #expect(simulation.summary.total.acknowledged == 3000)
    }

    @Test("After a broker restart, queued messages are sent and all are acknowledged")
    func brokerRestart() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let profile = try Profiles.json("count: 3\ninterval: 5ms")
        let simulation = try simulation([profile], port: broker.port, count: 400, outbound: 40)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await simulation.run() }
            try await eventually("messages were acknowledged") { simulation.statistics.total.acknowledged > 100 }
            try await broker.kill()
            // Each device fills its queue and then waits.
            try await eventually("the queues are full") { simulation.statistics.total.unacknowledged == 3 * 40 }
            try await broker.restart()
            try await group.waitForAll()
        }
        #expect(simulation.summary.total.messages == 1200)
        #expect(simulation.summary.total.acknowledged == 1200)
        #expect(simulation.summary.isComplete)
    }

    @Test("A device that goes offline triggers its last will, and sends its birth message when it is back")
    func will() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let profile = try Profiles.json(
            """
            interval: 50ms
            offline: {every: 1s, for: 300ms}
            status: {topic: "devices/{device}/status", online: here, offline: gone}
            """)
        let simulation = try simulation([profile], port: broker.port, duration: .seconds(3))
        let recorder = MessageRecorder()
        try await recorder.recording(from: broker) {
            try await withDeadline("the simulation ended", .seconds(30)) { try await simulation.run() }
            try await eventually("the farewell arrived") { statuses(of: recorder).last == "gone" }
        }
        let seen = statuses(of: recorder)
        #expect(seen.starts(with: ["here", "gone", "here", "gone"]))
        #expect(simulation.summary.total.skipped > 0)
        #expect(simulation.summary.total.unacknowledged == 0)
    }

    @Test("Every device is online while it runs and offline after its stop, also for later subscribers")
    func presence() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let simulation = try simulation(
            [try Profiles.json("count: 3\ninterval: 5ms")], port: broker.port, count: 10)
        let topics = (1...3).map { "sensors/probe-\($0)/status" }
        let live = MessageRecorder()
        try await live.recording(from: broker) {
            try await withDeadline("the simulation ended", .seconds(30)) { try await simulation.run() }
            try await eventually("all farewells arrived") {
                live.messages.count { $0.payload == Array("offline".utf8) } == 3
            }
        }
        for topic in topics {
            let said = live.messages.filter { $0.topic == topic }.map { String(decoding: $0.payload, as: UTF8.self) }
            #expect(said == ["online", "offline"])
        }
        let later = MessageRecorder()
        try await later.recording(from: broker) {
            try await eventually("the retained statuses arrived") { Set(later.topics).isSuperset(of: topics) }
        }
        #expect(later.messages.count { $0.isRetained && $0.payload == Array("offline".utf8) } == 3)
    }

    @Test("A device without a status topic sends no status")
    func noStatus() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let simulation = try simulation(
            [try Profiles.json("interval: 5ms\nstatus_topic: null")], port: broker.port, count: 10)
        let recorder = MessageRecorder()
        try await recorder.recording(from: broker) {
            try await withDeadline("the simulation ended", .seconds(30)) { try await simulation.run() }
            try await eventually("all messages arrived") { recorder.messages.count >= 10 }
        }
        #expect(Set(recorder.topics) == ["sensors/probe"])
    }

    private func statuses(of recorder: MessageRecorder) -> [String] {
        recorder.messages.filter { $0.topic == "devices/probe/status" }
            .map { String(decoding: $0.payload, as: UTF8.self) }
    }

    @Test("The duration ends unlimited devices")
    func duration() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let simulation = try simulation(
            [try Profiles.json("interval: 10ms")], port: broker.port, duration: .milliseconds(500))
        try await withDeadline("the simulation ended", .seconds(60)) { try await simulation.run() }
        #expect((1...60).contains(simulation.summary.total.messages))
        #expect(simulation.summary.isComplete)
    }

    @Test("Cancellation ends a simulation without a broker, without its drain timeout")
    func cancellation() async throws {
        let simulation = try simulation(
            [try Profiles.json()], port: try FreePort.reserve(), drainTimeout: .seconds(600))
        let run = Task { try await simulation.run() }
        try await eventually("it tried to connect") { simulation.statistics.connectionProblem != nil }
        run.cancel()
        try await withDeadline("the simulation ended", .seconds(60)) { try await run.value }
        #expect(simulation.summary.total.messages == 0)
        #expect(!simulation.summary.isComplete)
    }

    @Test("Statistics are available while it runs")
    func statistics() async throws {
        let broker = try await MosquittoBroker.start(configuration: ["max_inflight_messages 0"])
        let simulation = try simulation([try Profiles.json("count: 5\ninterval: 10ms")], port: broker.port)
        let before = simulation.statistics
        #expect(before.deviceCount == 5)
        #expect(before.connectedCount == 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await simulation.run() }
            try await eventually("messages were acknowledged") { simulation.statistics.total.acknowledged > 50 }
            let now = simulation.statistics
            #expect(now.connectedCount == 5)
            #expect(now.messagesPerSecond(since: before) > 0)
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
