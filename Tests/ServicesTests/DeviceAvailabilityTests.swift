import Core
import Testing

@testable import Services

/// Rooms are notified when devices come and go, and joining clients learn which devices are online.
@Suite("Device availability")
struct DeviceAvailabilityTests {
    private func fixture(offlineAfter: Duration? = .seconds(300)) throws -> StreamFixture {
        let fixture = StreamFixture(offlineAfter: offlineAfter)
        try fixture.join("sensors/#")
        _ = fixture.received()
        return fixture
    }

    @Test("A device that begins to send is online without a status message")
    func firstReading() throws {
        let fixture = try fixture()
        try fixture.publish("a")
        try fixture.publish("a", "h")
        #expect(fixture.receivedStatuses().isEmpty)
        #expect(fixture.availability(of: "a") == "online reading 1000")
    }

    @Test("A last will makes a device offline at once, a birth or a reading online; repetitions are not announced")
    func will() throws {
        let fixture = try fixture()
        for isOnline in [true, true, false, false, true] { try fixture.report("a", isOnline: isOnline) }
        #expect(fixture.receivedStatuses() == ["a online will", "a offline will", "a online will"])
        fixture.clock.set(1005)
        try fixture.report("a", isOnline: false)
        #expect(fixture.availability(of: "a") == "offline will 1005")
        fixture.clock.set(1006)
        try fixture.publish("a")
        #expect(fixture.availability(of: "a") == "online reading 1006")
        #expect(fixture.receivedStatuses() == ["a offline will", "a online reading"])
        try fixture.report("a", isOnline: false)
        _ = fixture.received()
        fixture.sweep(until: 2000)
        #expect(fixture.received().isEmpty, "a device that is offline already is not announced as silent")
    }

    @Test("Silence beyond the configured time makes a device offline, once")
    func silence() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        try fixture.publish("a")
        try fixture.report("b", isOnline: true)
        fixture.sweep(until: 1060)
        #expect(fixture.receivedStatuses() == ["b online will"])
        try fixture.publish("b")
        fixture.sweep(until: 1200)
        #expect(fixture.receivedStatuses() == ["a offline silence", "b offline silence"])
        #expect(fixture.availability(of: "a") == "offline silence 1061")
        #expect(fixture.availability(of: "b") == "offline silence 1121")
        try fixture.publish("a")
        #expect(fixture.receivedStatuses() == ["a online reading"])
    }

    @Test("Without a configured time, silence makes no device offline")
    func silenceIsOff() throws {
        let fixture = try fixture(offlineAfter: nil)
        try fixture.publish("a")
        fixture.sweep(until: 9000)
        #expect(fixture.availability(of: "a") == "online reading 1000")
    }

    @Test("A device that sends every ten minutes goes offline after half an hour, also with one message per metric")
    func rarelySpeaking() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        for round in 0..<6 {
            fixture.sweep(until: 1000 + 600 * Double(round))
            for metric in ["t", "h", "p", "battery"] { try fixture.publish("a", metric) }
        }
        _ = fixture.received()
        fixture.sweep(until: 4000 + 1800)
        #expect(fixture.receivedStatuses().isEmpty)
        fixture.sweep(until: 4000 + 1802)
        #expect(fixture.receivedStatuses() == ["a offline silence"])
    }

    @Test("A device that uploads many readings every ten minutes goes offline only after half an hour")
    func uploads() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        for round in 0..<6 {
            fixture.sweep(until: 1000 + 600 * Double(round))
            for _ in 0..<20 { try fixture.publish("a") }
        }
        _ = fixture.received()
        fixture.sweep(until: 4000 + 1800)
        #expect(fixture.receivedStatuses().isEmpty)
    }

    @Test("Occasional absences do not extend the time of a device that sends often")
    func oftenSpeaking() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        for pause in [1, 1, 1, 500, 1, 1, 1, 700, 1, 1] as [Double] {
            fixture.sweep(until: fixture.clock.now().secondsSinceEpoch + pause)
            try fixture.publish("a")
        }
        _ = fixture.received()
        fixture.sweep(until: fixture.clock.now().secondsSinceEpoch + 62)
        #expect(fixture.receivedStatuses() == ["a offline silence"])
    }

    @Test("A retained reading does not make a device online, but starts its silence timer")
    func retainedReading() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        try fixture.publish("a", retained: true)
        try fixture.report("b", isOnline: false)
        try fixture.publish("b", retained: true)
        #expect(fixture.availability(of: "a") == nil)
        #expect(fixture.availability(of: "b") == "offline will 1000")
        #expect(fixture.receivedStatuses() == ["b offline will"])
        fixture.sweep(until: 1062)
        #expect(fixture.receivedStatuses() == ["a offline silence"])
    }

    @Test("A retained birth makes a device online until it is silent, and not again after that")
    func retainedBirth() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        try fixture.report("a", isOnline: true, retained: true)
        #expect(fixture.availability(of: "a") == "online will 1000")
        fixture.sweep(until: 1100)
        try fixture.report("a", isOnline: true, retained: true)
        #expect(fixture.availability(of: "a") == "offline silence 1061")
        try fixture.report("a", isOnline: true)
        #expect(fixture.availability(of: "a") == "online will 1100")
    }

    @Test("Silence does not count without a broker connection; afterwards every device gets the full time")
    func deafness() throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        try fixture.publish("a")
        fixture.sweep(until: 1030)
        fixture.sweep(until: 2000, isListening: false)
        fixture.sweep(until: 2060)
        #expect(fixture.receivedStatuses() == [])
        fixture.sweep(until: 2062)
        #expect(fixture.receivedStatuses() == ["a offline silence"])
    }

    @Test("A clock that is set, or a suspended gateway, makes no device offline", arguments: [90_000, 10.0])
    func clockJump(to time: Double) throws {
        let fixture = try fixture(offlineAfter: .seconds(60))
        try fixture.publish("a")
        fixture.sweep(until: 1030)
        fixture.clock.set(time)
        fixture.stream.sweep(now: fixture.clock.now())
        fixture.sweep(until: time + 60)
        #expect(fixture.receivedStatuses() == [])
        fixture.sweep(until: time + 62)
        #expect(fixture.receivedStatuses() == ["a offline silence"])
    }

    @Test("A joining client gets a device's status before its readings, unless the readings imply it")
    func snapshot() throws {
        let fixture = StreamFixture()
        try fixture.publish("a")
        try fixture.publish("b")
        try fixture.report("b", isOnline: false)
        try fixture.publish("c", retained: true)
        fixture.clock.set(1010)
        try fixture.join("sensors/a")
        #expect(
            Array(fixture.received().dropFirst()) == [
                #"{"room_id":"sensors/a","device":"a","data":{"t":1,"timestamp":1000},"snapshot":true,"age_ms":10000}"#
            ])
        try fixture.join("sensors/b")
        #expect(
            Array(fixture.received().dropFirst()) == [
                #"{"room_id":"sensors/b","device":"b","status":"offline","reason":"will","#
                    + #""since":"1970-01-01T00:16:40.000Z","snapshot":true}"#,
                #"{"room_id":"sensors/b","device":"b","data":{"t":1,"timestamp":1000},"snapshot":true,"age_ms":10000}"#,
            ])
        try fixture.join("sensors/c")
        #expect(fixture.receivedStatuses().isEmpty)
    }

    @Test("A device that has sent only a status is listed without values")
    func statusOnly() throws {
        let fixture = StreamFixture()
        try fixture.report("a", isOnline: true)
        let summary = try #require(fixture.stream.devices { _ in true }.first)
        #expect(summary.room == "sensors/a")
        #expect(summary.values.isEmpty)
        #expect(summary.ageMilliseconds == nil)
        #expect(!summary.isRetained)
        #expect(summary.lastSeen.secondsSinceEpoch == 1000)
        #expect(summary.availability?.status == .online)
    }

    @Test("A birth updates `lastSeen`, a last will and retained messages do not")
    func lastSeen() throws {
        let fixture = StreamFixture()
        func lastSeen() -> Double? { fixture.stream.devices { _ in true }.first?.lastSeen.secondsSinceEpoch }
        try fixture.publish("a")
        fixture.clock.set(1050)
        try fixture.report("a", isOnline: false)
        try fixture.report("a", isOnline: true, retained: true)
        #expect(lastSeen() == 1000)
        try fixture.report("a", isOnline: true)
        #expect(lastSeen() == 1050)
    }

    @Test("A status applies to the rooms in which the device is known, otherwise to the first possible one")
    func rooms() throws {
        let fixture = StreamFixture()
        try fixture.publish("a")
        try fixture.report("a", isOnline: false, rooms: ["plant/a", "sensors/a"])
        try fixture.report("b", isOnline: false, rooms: ["plant/b", "sensors/b"])
        #expect(fixture.stream.devices { _ in true }.map(\.room) == ["plant/b", "sensors/a"])
        #expect(fixture.availability(of: "a") == "offline will 1000")
    }

    @Test("Evicted devices are no longer watched for silence")
    func eviction() throws {
        let fixture = StreamFixture(maxDevices: 16, offlineAfter: .seconds(60))
        try fixture.join("sensors/#")
        for number in 0..<40 {
            fixture.clock.set(1000 + Double(number) / 10)
            try fixture.publish("d\(number)")
        }
        _ = fixture.received()
        fixture.sweep(until: 1070)
        let silent = fixture.receivedStatuses().sorted()
        #expect(silent == (24..<40).map { "d\($0) offline silence" })
        #expect(fixture.stream.deviceCounts.known == 16)
    }

    @Test("A device that returns after its eviction starts with a new silence timer")
    func readmission() throws {
        let fixture = StreamFixture(maxDevices: 1, offlineAfter: .seconds(60))
        for (device, time) in [("a", 1000), ("b", 1010), ("a", 1030)] as [(String, Double)] {
            fixture.sweep(until: time)
            try fixture.publish(device)
        }
        fixture.sweep(until: 1089)
        #expect(fixture.availability(of: "a") == "online reading 1030")
    }
}
