import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Devices that announce themselves for Home Assistant become devices, without a route.
@Suite("Home Assistant discovery")
struct HomeAssistantTests {
    private static let deviceCount = 200

    private static func announcement(_ number: Int) -> String {
        #"""
        {"~":"house/plug\#(number)","name":"Energy","stat_t":"~/state","unit_of_meas":"kWh",
         "val_tpl":"{{ value_json.energy | float | round(2) }}","avty_t":"~/lwt",
         "dev":{"ids":["plug\#(number)"],"name":"plug-\#(number)"}}
        """#
    }

    @Test("200 announced devices give readings with name and unit, a status, and none after their removal")
    func devices() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let publisher = try await Publisher(port: broker.port)
        for number in 0..<Self.deviceCount {
            try await publisher.publish(
                Array(Self.announcement(number).utf8), to: "homeassistant/sensor/plug\(number)/energy/config",
                retain: true)
            try await publisher.publish(
                Array(#"{"energy":"1.234"}"#.utf8), to: "house/plug\(number)/state", retain: true)
        }
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url, arguments: ["--set", "homeassistant=on"])
        try await gateway.waitUntilReady()
        let token = try await GatewayProcess.token(join: ["#"])
        func device(_ number: Int) async throws -> String {
            try await HTTPClientLite.get(
                "\(gateway.url)/api/devices/plug-\(number)", headers: [("Authorization", "Bearer \(token)")]
            ).text
        }
        try await eventually("all devices have a reading") {
            try await HTTPClientLite.get("\(gateway.url)/metrics").text
                .contains("\nwindsock_devices \(Self.deviceCount)\n")
        }
        let before = try await device(7)
        #expect(before.contains("\"Energy\"") && before.contains("\"kWh\""), "\(before)")
        #expect(before.contains("1.23,") || before.contains("1.23}"), "the value is not rounded: \(before)")
        #expect(!before.contains("\"offline\""), "\(before)")

        try await publisher.publish(Array("offline".utf8), to: "house/plug7/lwt", retain: true)
        try await eventually("the device is offline") {
            try await device(7).contains("\"offline\"")
        }

        // A message to a topic that is still subscribed proves that the other one is not.
        try await publisher.publish([], to: "homeassistant/sensor/plug3/energy/config", retain: true)
        try await gateway.process.waitForLine("the removal") {
            $0.contains("Announcements for Home Assistant were applied") && $0.contains("398")
        }
        try await publisher.publish(Array(#"{"energy":77}"#.utf8), to: "house/plug3/state")
        try await publisher.publish(Array(#"{"energy":88}"#.utf8), to: "house/plug4/state")
        try await eventually("the other device has a new value") { try await device(4).contains("88") }
        #expect(try await !device(3).contains("77"))
        await publisher.stop()
        #expect(try await gateway.process.terminate() == .exited(0))
    }
}
