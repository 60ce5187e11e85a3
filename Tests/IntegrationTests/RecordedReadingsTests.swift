import ChildProcesses
import Foundation
import TestSupport
import Testing
import WebSocketClient

/// Real readings pass unchanged through device file, simulator, mosquitto, gateway and WebSocket.
@Suite("Recorded readings")
struct RecordedReadingsTests {
    static let isAvailable = (try? PackageRoot.sharedData("occupancy.csv")) != nil

    @Test(
        "2,665 recorded readings, replayed at full speed with QoS 1, arrive in order and unchanged",
        .enabled(
            if: isAvailable, "occupancy.csv is not there; put it into ../shared/data or name WINDSOCK_SHARED_DATA"))
    func occupancy() async throws {
        let csv = try PackageRoot.sharedData("occupancy.csv")
        let rows = try Self.rows(of: csv)
        try #require(rows.count == 2665)

        let folder = try TemporaryFolder()
        let device = try folder.write(
            """
            device: recorded
            topic: sensors/{device}
            convention: json
            qos: 1
            stamps: none
            replay:
              file: \(csv.path)
              time: Date
              speed: max
            metrics:
              Temperature: {column: Temperature}
              Humidity: {column: Humidity}
              Light: {column: Light}
              CO2: {column: CO2}
              HumidityRatio: {column: HumidityRatio}
              Occupancy: {column: Occupancy}
            """, to: "recorded.yaml")
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let client = try await gateway.client(token: try await GatewayProcess.token(), joining: "sensors/recorded")

        let simulator = try ChildProcess(
            try PackageRoot.executable.path, ["simulate", device, "--mqtt-url", broker.url, "--quiet"])
        for (index, row) in rows.enumerated() {
            let update = try await client.nextJSON("reading \(index)", within: .seconds(30)) {
                $0["type"]?.string == "data_update"
            }
            let data = update["payload"]?["data"]
            for (name, value) in row { #expect(data?[name]?.number == value, "row \(index), \(name)") }
        }
        #expect(try await simulator.waitForExit() == .exited(0))
        #expect(simulator.output.first?.contains("2665 acknowledged") == true, "\(simulator.tail)")
    }

    /// Returns the file's numbers by column, without the time.
    private static func rows(of file: URL) throws -> [[String: Double]] {
        let lines = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline)
        let columns = lines[0].split(separator: ",").map { String($0).replacing("\"", with: "") }
        return lines.dropFirst().map { line in
            let fields = line.split(separator: ",")
            var row: [String: Double] = [:]
            for (column, field) in zip(columns, fields).dropFirst() { row[column] = Double(String(field)) }
            return row
        }
    }
}
