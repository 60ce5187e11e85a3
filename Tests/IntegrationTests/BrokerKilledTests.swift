import ChildProcesses
import Foundation
import TestSupport
import Testing

/// A killed broker forgets the packet ids that it assigned after its last save and assigns them again. Readings that
/// look alike, such as those of a contact or of a steady value, must not be mistaken for each other then.
@Suite("Killed broker")
struct BrokerKilledTests {
    private static let reading = Array(#"{"contact":true}"#.utf8)
    private static let topic = "sensors/door"

    @Test("Readings with packet ids reused by a killed broker are not taken for redeliveries")
    func packetIDsGivenAgain() async throws {
        let folder = try TemporaryFolder()
        // The broker saves only on request, as if it were killed right before the next autosave.
        let broker = try await MosquittoBroker.start(configuration: [
            "persistence true", "persistence_location %FOLDER%/", "autosave_interval 1800", "pid_file %FOLDER%/pid",
        ])
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        try await Self.publish(3, to: broker)
        try await Self.expect(3, of: gateway)

        // One message is in flight when the broker saves. It is redelivered and recognised.
        gateway.process.signal(SIGSTOP)
        try await Self.publish(1, to: broker)
        try await Self.save(broker)
        gateway.process.signal(SIGCONT)
        try await Self.expect(4, of: gateway)
        // The broker will know nothing of these.
        try await Self.publish(5, to: broker)
        try await Self.expect(9, of: gateway)
        try await broker.kill()
        try await broker.restart()
        try await eventually("the gateway found its session") {
            gateway.process.lines.contains { $0.text.contains("session_present=true") }
        }
        try await Self.publish(5, to: broker)
        try await Self.expect(14, of: gateway)

        // A further message shows that nothing else follows: no redelivery and no earlier message.
        try await Self.publish(1, to: broker)
        try await Self.expect(15, of: gateway)
        #expect(try await Self.metric("windsock_ingest_repeated_messages_total", of: gateway) == 1)
    }

    private static func publish(_ count: Int, to broker: MosquittoBroker) async throws {
        let publisher = try await Publisher(port: broker.port)
        for _ in 0..<count { try await publisher.publish(reading, to: topic) }
        await publisher.stop()
    }

    /// Makes the broker write its state to its file and waits for it.
    private static func save(_ broker: MosquittoBroker) async throws {
        let text = try String(contentsOf: broker.folder.appending(path: "pid"), encoding: .utf8)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        let file = broker.folder.appending(path: "mosquitto.db").path
        #expect(!FileManager.default.fileExists(atPath: file))
        kill(pid, SIGUSR1)
        // The broker renames the file to this name when it is complete.
        try await eventually("the broker has saved") { FileManager.default.fileExists(atPath: file) }
    }

    /// Waits for that number of stored readings.
    private static func expect(_ count: Int, of gateway: GatewayProcess) async throws {
        let headers = [
            ("Authorization", "Bearer \(try await GatewayProcess.token())"), ("Accept", "application/x-ndjson"),
        ]
        let url = "\(gateway.url)/api/readings?device=door&metric=contact"
        var stored = 0
        try await eventually("\(count) readings are stored", within: .seconds(20)) {
            stored = try await HTTPClientLite.get(url, headers: headers).text.split(separator: "\n").count
            return stored >= count
        }
        #expect(stored == count)
    }

    private static func metric(_ name: String, of gateway: GatewayProcess) async throws -> Int? {
        let lines = try await HTTPClientLite.get("\(gateway.url)/metrics").text.split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }
}
