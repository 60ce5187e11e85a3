import Core
import Telemetry
import TestSupport
import Testing

@testable import Services

/// The sorted index stays in step with the map under any sequence of insertions and removals.
@Suite("Device index")
struct DeviceIndexTests {
    @Test("Changes applied at any time give the same order as sorting all devices")
    func random() throws {
        var generator = SeededRandom()
        var latest = LatestReadings(capacity: 50)
        var index = DeviceIndex()
        var known: Set<DeviceKey> = []
        for step in 0..<2000 {
            let device = try #require(DeviceID("d\(Int.random(in: 0..<90, using: &generator))"))
            let room = "sensors/\(Int.random(in: 0..<5, using: &generator))"
            let time = Timestamp(nanosecondsSinceEpoch: Int64(step) * 1_000_000_000)
            _ = latest.update(
                with: Reading(
                    device: device, room: room, metrics: [Metric(name: "v", value: 1)], time: time, receivedAt: time))
            known.insert(DeviceKey(room: room, device: device.rawValue))
            guard Int.random(in: 0..<7, using: &generator) == 0 else { continue }
            let (changes, isWhole) = latest.takeChanges()
            #expect(!isWhole, "seed \(generator.seed), step \(step)")
            index.apply(changes)
            let expected = known.filter { !latest.devices(of: [$0]).isEmpty }.sorted(by: DeviceKey.precedes)
            #expect(index.keys == expected, "seed \(generator.seed), step \(step)")
            #expect(index.keys.count == latest.count)
        }
    }

    @Test("When more devices changed than the log holds, the whole list is returned")
    func overflow() throws {
        var latest = LatestReadings(capacity: 20)
        for number in 0..<70_000 {
            let device = try #require(DeviceID("d\(number)"))
            let time = Timestamp(nanosecondsSinceEpoch: Int64(number))
            _ = latest.update(
                with: Reading(
                    device: device, room: "r", metrics: [Metric(name: "v", value: 1)], time: time, receivedAt: time))
        }
        let (changes, isWhole) = latest.takeChanges()
        #expect(isWhole)
        #expect(changes.count == latest.count && latest.count <= 20)
        #expect(latest.takeChanges().changes.isEmpty)
    }

    @Test("A cursor leads back to its key, and the next key is found by binary search")
    func cursor() {
        let keys = ["a", "b", "b/c"].flatMap { room in ["x", "y"].map { DeviceKey(room: room, device: $0) } }
        for (index, key) in keys.enumerated() {
            #expect(DeviceKey(cursor: key.cursor) == key)
            #expect(DeviceIndex.index(after: key, in: keys) == index + 1)
        }
        #expect(DeviceIndex.index(after: DeviceKey(room: "b", device: "xx"), in: keys) == 3)
        #expect(DeviceKey(cursor: "none") == nil)
    }
}
