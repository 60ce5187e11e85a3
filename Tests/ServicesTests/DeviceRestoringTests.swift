import Core
import Telemetry
import TestSupport
import Testing

@testable import Services
@testable import Storage

/// After a restart, stored values are shown until the device sends the metric again, and its rhythm is known.
@Suite("Restored devices")
struct DeviceRestoringTests {
    /// A stream at time 1000 with device `a`, which sent every 60 s up to 900: `t` with `h`, and `p` on its own.
    private static func fixture(offlineAfter: Duration? = .seconds(300)) throws -> StreamFixture {
        let fixture = StreamFixture(offlineAfter: offlineAfter)
        fixture.stream.restore([
            StoredDeviceState(
                device: StoredDevice(name: "a", room: "sensors/a", firstSeen: at(0), lastSeen: at(895)),
                values: [
                    .init(time: at(870), metrics: [Metric(name: "p", value: 1000)]),
                    .init(time: at(900), metrics: [Metric(name: "t", value: 20), Metric(name: "h", value: 50)]),
                ], times: [at(780), at(840), at(900)])
        ])
        return fixture
    }

    private static func at(_ second: Int64) -> Timestamp {
        Timestamp(nanosecondsSinceEpoch: second * 1_000_000_000)
    }

    /// The values of device `a` as `GET /api/devices` shows them.
    private static func values(_ fixture: StreamFixture) -> [String: Double] {
        let device = fixture.stream.devices { _ in true }.first
        return Dictionary(uniqueKeysWithValues: (device?.values ?? []).map { ($0.metric.name, $0.metric.value) })
    }

    @Test("A client that joins gets stored values with their age and interval")
    func snapshot() throws {
        let fixture = try Self.fixture()
        try fixture.join("sensors/a")
        let payloads = fixture.receivedReadings().dropFirst()
        #expect(payloads.count == 2)
        #expect(payloads.allSatisfy { $0.contains(#""snapshot":true"#) && $0.contains(#""interval_ms":60000"#) })
        #expect(payloads.last?.contains(#""t":20,"h":50,"timestamp":900"#) == true)
        #expect(payloads.last?.contains(#""age_ms":100000"#) == true)
        #expect(fixture.stream.devices { _ in true }.first?.lastSeen == Self.at(900))
    }

    @Test("A live reading replaces the stored values of its metrics only, even when they were stored with others")
    func replaced() throws {
        let fixture = try Self.fixture()
        fixture.stream.publish([try StreamFixture.reading("a", [("h", 51)])])
        #expect(Self.values(fixture) == ["p": 1000, "t": 20, "h": 51])
        try fixture.join("sensors/a")
        let payloads = fixture.receivedReadings().dropFirst()
        #expect(payloads.count == 3 && !payloads.contains { $0.contains(#""h":50"#) })
        fixture.stream.publish([
            try StreamFixture.reading("a", [("p", 1001)]), try StreamFixture.reading("a", [("t", 21)]),
        ])
        #expect(Self.values(fixture) == ["p": 1001, "t": 21, "h": 51])
    }

    @Test("A retained reading replaces a stored one only by other values, and never a live one")
    func retained() throws {
        let fixture = try Self.fixture()
        fixture.stream.publish([try StreamFixture.reading("a", [("p", 1000)], retained: true)])
        #expect(
            fixture.stream.devices { _ in true }.first?.values.first { $0.metric.name == "p" }?.time == Self.at(870))
        fixture.stream.publish([try StreamFixture.reading("a", [("p", 990)], retained: true)])
        #expect(Self.values(fixture)["p"] == 990)
        fixture.stream.publish([
            try StreamFixture.reading("a", [("t", 1), ("h", 2)], at: 800, retained: true, hasDeviceTime: true)
        ])
        #expect(Self.values(fixture)["t"] == 20)
        fixture.stream.publish([try StreamFixture.reading("a", [("t", 22), ("h", 2)])])
        fixture.stream.publish([try StreamFixture.reading("a", [("t", 1), ("h", 2)], retained: true)])
        #expect(Self.values(fixture)["t"] == 22)
    }

    @Test(
        "A restored device is unknown until it sends, or offline when it stays silent for longer than its rhythm allows"
    )
    func availability() throws {
        let fixture = try Self.fixture(offlineAfter: .seconds(30))
        #expect(fixture.availability(of: "a") == nil)
        fixture.sweep(until: 1179)
        #expect(fixture.availability(of: "a") == nil)
        fixture.sweep(until: 1182)
        // Since three intervals after its last message.
        #expect(fixture.availability(of: "a") == "offline silence 1080")
        fixture.stream.publish([try StreamFixture.reading("a", [("p", 1)], at: 1182)])
        #expect(fixture.availability(of: "a") == "online reading 1182")
        // The pause of the restart is no interval of the device.
        #expect(fixture.stream.devices { _ in true }.first?.interval == .seconds(60))
    }

    @Test("Beyond the limit of devices, those seen longest ago are not restored")
    func limit() throws {
        let fixture = StreamFixture(maxDevices: 2)
        fixture.stream.restore(
            ["a", "b", "c"].enumerated().map { number, name in
                StoredDeviceState(
                    device: StoredDevice(
                        name: name, room: "sensors/\(name)", firstSeen: Self.at(0), lastSeen: Self.at(Int64(number))),
                    values: [.init(time: Self.at(Int64(number)), metrics: [Metric(name: "t", value: 1)])], times: [])
            })
        #expect(fixture.stream.devices { _ in true }.map(\.device.rawValue) == ["b", "c"])
    }
}
