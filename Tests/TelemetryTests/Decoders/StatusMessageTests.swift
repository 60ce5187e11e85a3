import Testing

@testable import Core
@testable import Telemetry

@Suite("Messages on status topics say whether a device is online")
struct StatusMessageTests {
    private func decode(
        _ topic: String, _ payload: String, routes: [TopicRoute] = TopicRoute.defaults,
        statusRoutes: [StatusRoute] = StatusRoute.defaults, isRetained: Bool = false
    ) throws -> DecodedMessage {
        var decoder = TelemetryDecoder(routes: routes, statusRoutes: statusRoutes)
        return try decoder.decodeMessage(
            topic: topic, payload: Array(payload.utf8), receivedAt: receivedAt, isRetained: isRetained)
    }

    private func report(
        _ rooms: [String] = ["sensors/d1"], isOnline: Bool, isRetained: Bool = false
    ) throws -> DecodedMessage {
        .status(
            StatusReport(
                device: try #require(DeviceID("d1")), rooms: rooms, isOnline: isOnline, receivedAt: receivedAt,
                isRetained: isRetained))
    }

    @Test(
        "Status words in any case, alone or as `state` or `status` in JSON",
        arguments: [
            ("online", true), ("Online", true), ("OFFLINE", false), ("connected", true), ("disconnected", false),
            ("true", true), ("False", false), ("1", true), ("0", false), (" online\r\n", true),
            (#"{"state":"online"}"#, true), (#"{"state":"offline","since":5}"#, false), (#"{"status":true}"#, true),
            (#"{"status":0}"#, false), (#" {"state":"Connected"}"#, true), (#""offline""#, false),
            (#"{"status":"online","state":"offline"}"#, false),
        ])
    func words(payload: String, isOnline: Bool) throws {
        #expect(try decode("sensors/d1/status", payload) == (try report(isOnline: isOnline)))
    }

    @Test(
        "Any other payload is an error that quotes it and names the allowed words",
        arguments: [
            "on", "2", "maybe", "   ", "onlineoffline", #"{"state":"idle"}"#, #"{"state":2}"#, #"{"online":true}"#,
            #""""#,
        ])
    func noStatus(payload: String) throws {
        let error = try #require(throws: DecodeError.self) { try decode("sensors/d1/status", payload) }
        #expect(error == .badStatus(payload))
        #expect(error.reason == "bad_status")
        #expect(error.description.contains("allowed: online, offline"))
    }

    @Test("Invalid JSON, invalid UTF-8 and oversized payloads are distinct errors")
    func broken() throws {
        #expect(throws: DecodeError.self) { try decode("sensors/d1/status", #"{"state":"#) }
        var decoder = TelemetryDecoder()
        #expect(throws: DecodeError.invalidUTF8(offset: 1)) {
            try decoder.decodeMessage(topic: "sensors/d1/status", payload: [0x31, 0xFF], receivedAt: receivedAt)
        }
        let limit = decoder.limits.maxPayloadBytes
        #expect(throws: DecodeError.tooLarge(byteCount: limit + 1, limit: limit)) {
            try decoder.decodeMessage(
                topic: "sensors/d1/status", payload: [UInt8](repeating: 0x31, count: limit + 1), receivedAt: receivedAt)
        }
    }

    @Test(
        "A status on a default topic belongs to the room of the device's readings",
        arguments: ["sensors/d1/status", "tele/d1/LWT", "zigbee2mqtt/d1/availability"])
    func defaultTopics(topic: String) throws {
        #expect(try decode(topic, "Online", isRetained: true) == (try report(isOnline: true, isRetained: true)))
    }

    @Test("A status topic never carries readings, even if a telemetry route matches it")
    func precedence() throws {
        #expect(throws: DecodeError.badStatus("21.5")) { try decode("sensors/d1/status", "21.5") }
        var decoder = TelemetryDecoder()
        #expect(throws: DecodeError.notAReading(topic: "sensors/d1/status")) {
            try decoder.decode(topic: "sensors/d1/status", payload: Array("1".utf8), receivedAt: receivedAt)
        }
        guard case .readings(let readings) = try decode("sensors/d1/state", "1") else {
            Issue.record("sensors/d1/state is a metric")
            return
        }
        #expect(readings.map(\.metrics) == [[Metric(name: "state", value: 1)]])
        guard case .readings = try decode("sensors/d1/status", "1", statusRoutes: []) else {
            Issue.record("without status routes it is a metric")
            return
        }
    }

    @Test("Rooms come from the telemetry routes, filled with the captures of the status topic")
    func rooms() throws {
        let routes = [
            try TopicRoute(pattern: "plants/{site}/{device}", room: "plant/{site}/{device}"),
            try TopicRoute(pattern: "power/{device}", room: "power/{device}"),
        ]
        let statusRoutes = [try StatusRoute(pattern: "plants/{site}/{device}/lwt")] + StatusRoute.defaults
        let message = try decode("plants/north/d1/lwt", "offline", routes: routes, statusRoutes: statusRoutes)
        #expect(message == (try report(["plant/north/d1", "power/d1"], isOnline: false)))
        let sited = [routes[0]]
        #expect(throws: DecodeError.noRoute(topic: "tele/d1/LWT")) {
            try decode("tele/d1/LWT", "Online", routes: sited, statusRoutes: statusRoutes)
        }
    }

    @Test("An empty payload clears the retained status and reports none")
    func cleared() throws {
        #expect(try decode("sensors/d1/status", "") == .clearedStatus)
    }

    @Test("An invalid device name is rejected")
    func badDevice() throws {
        let name = String(repeating: "x", count: DeviceID.maximumByteCount + 1)
        #expect(throws: DecodeError.badDevice(name)) { try decode("tele/\(name)/LWT", "Online") }
    }
}
