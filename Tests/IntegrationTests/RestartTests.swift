import ChildProcesses
import Foundation
import TestSupport
import Testing
import WebSocketClient

/// Broker and gateway may restart; everything that the broker accepted still arrives.
@Suite("Restarts")
struct RestartTests {
    /// The broker's backlog arrives in one burst, faster than a test reads. This queue is large enough to avoid
    /// conflation.
    private static let roomForBursts = ["--set", "limits.queue_bytes=500000000"]

    @Test(
        "After two broker restarts under load, every accepted reading reaches a client that joined before")
    func brokerRestartedTwice() async throws {
        try await withLoad { broker, publisher, collector in
            for round in 1...2 {
                let before = publisher.accepted.count
                try await eventually("readings were accepted in round \(round)", within: .seconds(60)) {
                    publisher.accepted.count > before + 500 && collector.count > before
                }
                try await broker.terminate()
                try await broker.restart()
            }
            let before = publisher.accepted.count
            try await eventually("readings were accepted after the last restart", within: .seconds(60)) {
                publisher.accepted.count > before + 500
            }
            try await publisher.stop()
            let accepted = publisher.accepted
            try await eventually("all accepted readings arrived", within: .seconds(60)) {
                accepted.isSubset(of: collector.live)
            }
        }
    }

    /// Mosquitto accepts messages before saving them. When killed, it loses unsaved messages that the gateway has not
    /// received.
    @Test("After a broker was killed under load, later readings reach a client that joined before")
    func brokerKilled() async throws {
        try await withLoad { broker, publisher, collector in
            try await eventually("readings arrived", within: .seconds(60)) { collector.count > 500 }
            try await broker.kill()
            let killed = publisher.started
            try await broker.restart()
            try await eventually("readings were accepted again", within: .seconds(60)) {
                publisher.accepted.filter { $0 > killed }.count > 500
            }
            try await publisher.stop()
            let accepted = publisher.accepted.filter { $0 > killed }
            try await eventually("all of these arrived", within: .seconds(60)) {
                accepted.isSubset(of: collector.live)
            }
        }
    }

    /// Runs `body` with a broker, a gateway, a client that has joined, and an active publisher.
    private func withLoad(
        _ body: (MosquittoBroker, SequencePublisher, SequenceCollector) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start(persistent: true)
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: Self.roomForBursts)
        try await gateway.waitUntilReady()
        let client = try await gateway.client(token: try await GatewayProcess.token(), joining: "sensors/counter")
        let collector = SequenceCollector(client)
        let publisher = try SequencePublisher(port: broker.port, topic: "sensors/counter")
        publisher.start()
        try await body(broker, publisher, collector)
        #expect(collector.gaps == 0)
        withExtendedLifetime(gateway) {}
    }

    @Test("After a SIGTERM restart of the gateway under load, its two runs together delivered every accepted reading")
    func gatewayRestarted() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let token = try await GatewayProcess.token()
        let first = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: Self.roomForBursts)
        try await first.waitUntilReady()
        let firstClient = try await first.client(token: token, joining: "sensors/counter")
        let firstCollector = SequenceCollector(firstClient)
        let publisher = try SequencePublisher(port: broker.port, topic: "sensors/counter")
        publisher.start()
        try await eventually("the first run had its load") { firstCollector.count > 500 }

        #expect(try await first.process.terminate() == .exited(0))
        await firstCollector.ended()
        #expect(await firstClient.closeCode == 1001)
        #expect(Self.holes(in: firstCollector.live, from: 1) == [], "no gap before the end")

        let second = try await GatewayProcess(
            mqttURL: broker.url, port: first.port, dataDirectory: folder.url, arguments: Self.roomForBursts)
        let secondClient = try await second.client(token: token, joining: "sensors/counter")
        let collector = SequenceCollector(secondClient)
        try await second.waitUntilReady()
        try await eventually("the second run had its load", within: .seconds(30)) { collector.count > 500 }
        try await publisher.stop()
        let last = try #require(publisher.accepted.max())
        try await eventually("the last reading arrived", within: .seconds(60)) { collector.last == last }
        let start = try #require(collector.live.first)
        #expect(collector.gaps == 0)
        #expect(Self.holes(in: collector.live, from: start) == [], "nothing is missed after `joined`")
        if let snapshot = collector.snapshot { #expect(start == snapshot + 1) }

        #expect(try await second.process.terminate() == .exited(0))
        let logged = try Self.loggedReadings(first) + Self.loggedReadings(second)
        #expect(logged >= publisher.accepted.count)
        #expect(
            logged == publisher.accepted.count, "an orderly stop acknowledges accepted readings, so none is repeated")
    }

    /// Returns the first five places where a number is not its predecessor plus one.
    private static func holes(in numbers: [Int], from start: Int) -> [String] {
        var expected = start
        var holes: [String] = []
        for number in numbers {
            if number != expected, holes.count < 5 { holes.append("\(number) instead of \(expected)") }
            expected = number + 1
        }
        return holes
    }

    /// Returns the reading count that a run logged at its end.
    private static func loggedReadings(_ gateway: GatewayProcess) throws -> Int {
        let line = try #require(gateway.process.lines.map(\.text).last { $0.contains("Stopped ingest") })
        let field = try #require(line.split(separator: " ").first { $0.hasPrefix("readings=") })
        return try #require(Int(field.dropFirst("readings=".count)))
    }
}
