import Core
import MQTTTransport
import Telemetry
import TestSupport
import Testing

@testable import DeviceSimulator

@Suite("Shipped devices")
struct ShippedDevicesTests {
    static let expected: [(name: String, metrics: Set<String>)] = [
        ("greenhouse-1", ["temperature", "humidity", "soil_moisture", "light"]),
        ("greenhouse-2", ["temperature", "humidity", "soil_moisture", "light"]),
        ("cold-store-1", ["temperature", "door", "power"]),
        ("server-room-1", ["temperature", "humidity", "fan_rpm", "power"]),
        ("server-room-2", ["temperature", "humidity", "fan_rpm", "power"]),
        ("weather-mast", ["temperature", "humidity", "pressure", "wind_speed", "wind_gust", "rain"]),
        ("desk-plug", ["power", "voltage", "current", "factor", "total", "today"]),
        ("living-room", ["temperature", "humidity", "pressure", "battery", "linkquality"]),
        ("office", ["temperature", "humidity", "light", "co2"]),
        ("fleet-01", ["temperature", "humidity", "battery"]), ("fleet-50", ["temperature", "humidity", "battery"]),
    ]

    @Test("Every file loads, and names are unique")
    func load() throws {
        let profiles = try DeviceProfile.load(try DeviceProfile.files(in: try Profiles.shippedFolder))
        #expect(profiles.count >= 8)
        #expect(profiles.flatMap(\.deviceNames).count == 59)
    }

    @Test("The gateway's defaults decode each device's metrics in its room", arguments: expected)
    func metrics(name: String, metrics: Set<String>) throws {
        let profiles = try DeviceProfile.load(try DeviceProfile.files(in: try Profiles.shippedFolder))
        let profile = try #require(profiles.first { $0.deviceNames.contains(name) })
        var device = VirtualDevice(name: name, profile: profile)
        var decoder = TelemetryDecoder()
        var seen: Set<String> = []
        for (due, step) in device.steps(until: .seconds(120)) {
            for publication in step.publications {
                let now = VirtualDevice.start.advanced(by: due)
                for reading in try decoder.decode(
                    topic: publication.topic, payload: publication.payload, receivedAt: now)
                {
                    #expect(reading.room == "sensors/\(name)")
                    #expect(reading.implausibleDeviceTime == nil)
                    seen.formUnion(reading.metrics.map(\.name))
                }
            }
        }
        #expect(seen == metrics)
    }

    @Test("The gateway's defaults decode each device's status in the room of its readings")
    func statuses() throws {
        for profile in try DeviceProfile.load(try DeviceProfile.files(in: try Profiles.shippedFolder)) {
            let status = try #require(profile.status, "\(profile.path)")
            let name = profile.deviceNames[0]
            var decoder = TelemetryDecoder()
            for (text, isOnline) in [(status.online, true), (status.offline, false)] {
                let message = try decoder.decodeMessage(
                    topic: status.topic.topic(device: name), payload: Array(text.utf8),
                    receivedAt: VirtualDevice.start)
                #expect(
                    message
                        == .status(
                            StatusReport(
                                device: try #require(DeviceID(name)), rooms: ["sensors/\(name)"], isOnline: isOnline,
                                receivedAt: VirtualDevice.start)))
            }
        }
    }

    @Test("Every device's values change within a minute")
    func movement() throws {
        for profile in try DeviceProfile.load(try DeviceProfile.files(in: try Profiles.shippedFolder)) {
            var device = VirtualDevice(name: profile.deviceNames[0], profile: profile)
            let payloads = device.payloads(until: .seconds(60))
            #expect(payloads.count >= 24, "\(profile.path)")
            #expect(Set(payloads).count > payloads.count / 4, "\(profile.path)")
        }
    }

    @Test("The replayed office equals its CSV")
    func office() throws {
        let folder = try Profiles.shippedFolder
        let profile = try DeviceProfile.load("\(folder)/office.yaml")
        var device = VirtualDevice(name: "office", profile: profile)
        let steps = device.steps(until: .seconds(4))
        #expect(steps.map(\.due) == [.zero, .seconds(2), .seconds(4)])
        let first = try #require(steps.first?.step.publications.first)
        let object = try JSONParser.parse(first.payload)
        #expect(object["temperature"]?.numberValue == 19.83)
        #expect(object["co2"]?.numberValue == 461)
    }
}
