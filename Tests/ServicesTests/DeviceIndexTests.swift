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
        var known: Set<DevicePlace> = []
        for step in 0..<2000 {
            let device = try #require(DeviceID("d\(Int.random(in: 0..<90, using: &generator))"))
            let room = "sensors/\(Int.random(in: 0..<5, using: &generator))"
            let time = Timestamp(nanosecondsSinceEpoch: Int64(step) * 1_000_000_000)
            _ = latest.update(
                with: Reading(
                    device: device, room: room, metrics: [Metric(name: "v", value: 1)], time: time, receivedAt: time))
            known.insert(DevicePlace(room: room, device: device.rawValue))
            guard Int.random(in: 0..<7, using: &generator) == 0 else { continue }
            let (changes, isWhole) = latest.takeChanges()
            #expect(!isWhole, "seed \(generator.seed), step \(step)")
            index.apply(changes)
            let expected = known.filter { !latest.devices(at: [$0]).isEmpty }.sorted(by: DevicePlace.precedes)
            #expect(index.places == expected, "seed \(generator.seed), step \(step)")
            #expect(index.places.count == latest.count, "seed \(generator.seed), step \(step)")
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

    @Test("A cursor leads back to its place, and the next place is found by binary search")
    func cursor() {
        let places = ["a", "b", "b/c"].flatMap { room in ["x", "y"].map { DevicePlace(room: room, device: $0) } }
        for (index, place) in places.enumerated() {
            #expect(DevicePlace(cursor: place.cursor) == place)
            #expect(DeviceIndex.index(after: place, in: places) == index + 1)
        }
        #expect(DeviceIndex.index(after: DevicePlace(room: "b", device: "xx"), in: places) == 3)
        #expect(DevicePlace(cursor: "none") == nil)
    }
}
