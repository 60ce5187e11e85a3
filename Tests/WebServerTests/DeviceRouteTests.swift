import AlertRules
import Foundation
import TestSupport
import Testing

@testable import WebServer

/// One request returns everything that the gateway knows about a device, as far as the token may know it.
@Suite("A device over HTTP", .serialized)
struct DeviceRouteTests {
    @Test("A device has its values, rhythm, alerts, dead letters and last message")
    func everything() async throws {
        let hot = AlertRule(name: "hot", metric: "temperature", condition: .above(30))
        let server = try await LiveServer(alertRules: [hot])
        let start = Int(Date().timeIntervalSince1970) - 300
        for minute in 0...3 {
            try server.ingest("sensors/a/door", "\(minute % 2)")
            try server.ingest(
                "sensors/a", #"{"temperature":{"value":\#(30 + minute),"unit":"°C"},"ts":\#(start + 60 * minute)}"#)
        }
        try server.ingest("sensors/a", "nonsense")
        try server.ingest("sensors/b", "nonsense")
        let device = try await server.get("/api/devices/a", token: try await server.token(join: ["#"])).json
        #expect(device["device"]?.string == "a")
        #expect(device["rooms"]?.array?.compactMap(\.string) == ["sensors/a"])
        #expect(device["status"]?.string == "online" && device["status_reason"]?.string == "reading")
        #expect(device["first_seen"]?.number != nil && device["last_seen"]?.number != nil)
        let metrics = try #require(device["metrics"]?.array)
        #expect(metrics.compactMap { $0["name"]?.string } == ["door", "temperature"])
        #expect(metrics.last?["value"]?.number == 33 && metrics.last?["unit"]?.string == "°C")
        #expect(metrics.last?["time"]?.number == Double(start + 180) && metrics.last?["age_ms"]?.number ?? 0 > 100_000)
        #expect(device["alerts"]?.array?.compactMap { $0["rule"]?.string } == ["hot"])
        #expect(device["dead_letter_count"]?.number == 1)
        #expect(device["dead_letters"]?.array?.compactMap { $0["device"]?.string } == ["a"])
        #expect(device["last_message"]?["topic"]?.string == "sensors/a")
        #expect(device["last_message"]?["payload"]?.string?.contains(#""value":33"#) == true)
        #expect(device["last_message"]?["retained"]?.bool == false)

        let reader = try await server.get("/api/devices/a", token: try await server.token(join: ["sensors/a"])).json
        #expect(reader["metrics"]?.array?.count == 2 && reader["last_message"] == nil)
        #expect(reader["dead_letters"] == nil && reader["dead_letter_count"] == nil)
        try await server.stop()
    }

    @Test("Names are percent-decoded, and unknown devices and those of hidden rooms are not found alike")
    func names() async throws {
        let server = try await LiveServer()
        try server.ingest("sensors/Küche 1/t", "20")
        let token = try await server.token()
        let known = try await server.get("/api/devices/K%C3%BCche%201", token: token)
        #expect(try known.json["device"]?.string == "Küche 1")
        #expect(try await server.get("/api/devices/none", token: token).status == 404)
        let stranger = try await server.token(join: ["sensors/other"])
        let hidden = try await server.get("/api/devices/K%C3%BCche%201", token: stranger)
        #expect(hidden.status == 404 && hidden.text.contains("There is no device"))
        try await server.stop()
    }

    @Test("After a restart, devices and snapshots show the last stored values and the usual interval")
    func restart() async throws {
        let folder = try TemporaryFolder()
        let data = folder.url.appending(path: "data").path
        let start = Int(Date().timeIntervalSince1970) - 300
        let first = try await LiveServer(data: data)
        for minute in 0...3 {
            try first.ingest("sensors/a", #"{"t":\#(minute),"h":50,"unit":"°C","ts":\#(start + 60 * minute)}"#)
        }
        try await first.stop()

        let second = try await LiveServer(data: data)
        let token = try await second.token()
        let listed = try #require(
            try await second.get("/api/devices", token: token).json["devices"]?.array?.first)
        #expect(listed["data"]?["t"]?.number == 3 && listed["data"]?["timestamp"]?.number == Double(start + 180))
        #expect(listed["interval_ms"]?.number == 60_000)
        #expect(listed["age_ms"]?.number ?? 0 > 100_000 && listed["status"] == nil)
        let client = try await second.client(token: token)
        try await client.join("sensors/a")
        let snapshot = try await client.nextJSON("a snapshot") { $0["type"]?.string == "data_update" }["payload"]
        #expect(snapshot?["snapshot"]?.bool == true && snapshot?["data"]?["h"]?.number == 50)
        #expect(snapshot?["interval_ms"]?.number == 60_000)
        let device = try await second.get("/api/devices/a", token: token).json
        #expect(device["metrics"]?.array?.compactMap { $0["value"]?.number } == [50, 3])
        #expect(device["last_message"] == nil)
        try await second.stop()
    }
}
