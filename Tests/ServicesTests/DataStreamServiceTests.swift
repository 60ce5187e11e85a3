import Core
import Realtime
import Telemetry
import Testing

@testable import Services

/// Readings reach their rooms according to the wire contract, and joining clients get the latest readings first.
@Suite("Data stream")
struct DataStreamServiceTests {
    @Test("A reading is one data_update, with units and numbers in shortest form")
    func payload() throws {
        let fixture = StreamFixture()
        try fixture.join("sensors/a")
        #expect(fixture.receivedReadings() == ["joined 1"])
        fixture.stream.publish([
            try StreamFixture.reading("a", [("temperature", 21.5), ("seq", 9_007_199_254_740_992)], unit: "°C")
        ])
        #expect(
            fixture.receivedReadings() == [
                #"{"room_id":"sensors/a","device":"a","data":{"temperature":21.5,"seq":9007199254740992,"timestamp":1000},"#
                    + #""units":{"temperature":"°C","seq":"°C"}}"#
            ])
    }

    @Test("A joining client gets `joined`, the latest of each metric set with its age, then live readings")
    func snapshot() throws {
        let fixture = StreamFixture()
        fixture.stream.publish([
            try StreamFixture.reading("a", [("t", 1)]), try StreamFixture.reading("a", [("t", 2)]),
            try StreamFixture.reading("a", [("h", 3)]),
        ])
        fixture.clock.set(1002.5)
        try fixture.join("sensors/+")
        fixture.stream.publish([try StreamFixture.reading("a", [("t", 4)], at: 1002.5)])
        #expect(
            fixture.receivedReadings() == [
                "joined 1",
                #"{"room_id":"sensors/a","device":"a","data":{"t":2,"timestamp":1000},"snapshot":true,"age_ms":2500}"#,
                #"{"room_id":"sensors/a","device":"a","data":{"h":3,"timestamp":1000},"snapshot":true,"age_ms":2500}"#,
                #"{"room_id":"sensors/a","device":"a","data":{"t":4,"timestamp":1002.5}}"#,
            ])
    }

    @Test("A large snapshot is sent in pages between live readings, each series once")
    func pages() throws {
        let fixture = StreamFixture(maxDevices: 2000)
        let count = 1000
        fixture.stream.publish(try (0..<count).map { try StreamFixture.reading("d\($0)", [("t", 1)]) })
        _ = fixture.received()
        try fixture.join("sensors/#")
        // Right after the first page every device publishes again.
        fixture.stream.publish(try (0..<count).map { try StreamFixture.reading("d\($0)", [("t", 2)]) })
        let all = fixture.receivedReadings()
        let old = all.filter { $0.contains(#""snapshot":true"#) }
        let live = all.filter { $0.contains(#""t":2,"#) }
        #expect(live.count == count)
        #expect(old.count == LatestSnapshot.maxPartsPerPage, "a live reading is not repeated")
        #expect(all.first == "joined 1")
        for (index, payload) in all.enumerated() where payload.contains(#""snapshot":true"#) {
            #expect(index <= LatestSnapshot.maxPartsPerPage, "no older value after a newer one")
        }
        try fixture.join("sensors/#")
        #expect(fixture.received() == ["joined 1"], "a client that has joined already gets no snapshot")
    }

    @Test("A client that does not read gets one page of a snapshot, and the rest once it reads")
    func slowSnapshot() throws {
        let fixture = StreamFixture(maxDevices: 2000)
        fixture.stream.publish(try (0..<1000).map { try StreamFixture.reading("d\($0)", [("t", 1)]) })
        fixture.sink.isWritable = false
        try fixture.join("sensors/#")
        #expect(fixture.received().isEmpty)
        #expect(fixture.client.queuedByteCount < 16 << 10)
        fixture.sink.isWritable = true
        fixture.hub.shards[0].resume(fixture.client)
        #expect(fixture.receivedReadings().count == 1 + 1000)
    }

    @Test("A page may end between two series of a device, and the next page continues there")
    func manySeries() throws {
        let fixture = StreamFixture()
        for device in ["a", "b"] {
            fixture.stream.publish(try (0..<50).map { try StreamFixture.reading(device, [("m\($0)", 1)]) })
        }
        try fixture.join("sensors/#")
        let told = fixture.receivedReadings().filter { $0.contains(#""snapshot":true"#) }
        #expect(told.count == 100)
        #expect(Set(told).count == 100)
    }

    @Test("A retained message does not replace a newer reading, and has no age unless it carries a time")
    func retained() throws {
        let fixture = StreamFixture()
        fixture.stream.publish([try StreamFixture.reading("a", [("t", 1)], retained: true)])
        fixture.stream.publish([
            try StreamFixture.reading("b", [("t", 2)], retained: true, hasDeviceTime: true),
            try StreamFixture.reading("c", [("t", 3)]), try StreamFixture.reading("c", [("t", 9)], retained: true),
        ])
        try fixture.join("sensors/a")
        try fixture.join("sensors/b")
        try fixture.join("sensors/c")
        #expect(
            fixture.receivedReadings() == [
                "joined 1",
                #"{"room_id":"sensors/a","device":"a","data":{"t":1,"timestamp":1000},"retained":true,"snapshot":true}"#,
                "joined 1",
                #"{"room_id":"sensors/b","device":"b","data":{"t":2,"timestamp":1000},"retained":true,"snapshot":true,"#
                    + #""age_ms":0}"#,
                "joined 1",
                #"{"room_id":"sensors/c","device":"c","data":{"t":3,"timestamp":1000},"snapshot":true,"age_ms":0}"#,
            ])
    }

    @Test("At the device limit, the longest silent devices are evicted")
    func eviction() throws {
        let fixture = StreamFixture(maxDevices: 16)
        for number in 0..<17 {
            fixture.stream.publish([try StreamFixture.reading("d\(number)", [("t", 1)], at: 1000 + Double(number))])
        }
        #expect(fixture.stream.deviceCounts.known == 16)
        #expect(fixture.stream.deviceCounts.evicted == 1)
        let known = fixture.stream.devices { _ in true }.map(\.device.rawValue)
        #expect(!known.contains("d0"))
        #expect(known.contains("d16"))
    }

    @Test("A device's summary has the newest value of each metric of all its metric sets")
    func summary() throws {
        let fixture = StreamFixture()
        fixture.stream.publish([
            try StreamFixture.reading("a", [("t", 1), ("h", 2)], at: 1000),
            try StreamFixture.reading("a", [("t", 5)], at: 1003),
        ])
        fixture.clock.set(1004)
        let devices = fixture.stream.devices { $0 == "sensors/a" }
        #expect(devices.count == 1)
        #expect(devices.first?.values.map(\.metric.name) == ["h", "t"])
        #expect(devices.first?.values.map(\.metric.value) == [2, 5])
        #expect(devices.first?.ageMilliseconds == 1000)
        #expect(fixture.stream.devices { _ in false }.isEmpty)
    }

    @Test("Telemetry rooms are those below the first levels of the routes")
    func telemetryRooms() throws {
        let fixture = StreamFixture()
        #expect(fixture.stream.isTelemetry(try TopicFilter("sensors/#")))
        #expect(!fixture.stream.isTelemetry(try TopicFilter("chat/ops")))
        #expect(!fixture.stream.isTelemetry(try TopicFilter("+/a")))
    }
}
