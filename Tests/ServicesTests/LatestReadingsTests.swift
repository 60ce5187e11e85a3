import Core
import Telemetry
import TestSupport
import Testing

@testable import Services

/// Memory for client-supplied names is bounded, and devices do not use up each other's share.
@Suite("Limits of the latest readings")
struct LatestReadingsTests {
    private static func reading(
        _ device: String, metrics: Int, set: Int = 0, nameLength: Int = 4, at second: Int = 1
    ) throws -> Reading {
        let id = try #require(DeviceID(device))
        let padding = String(repeating: "x", count: nameLength)
        return Reading(
            device: id, room: "sensors/\(device)",
            metrics: (0..<metrics).map { Metric(name: "\(set)-\($0)-\(padding)", value: 1, unit: "°C") },
            time: at(second), receivedAt: at(second))
    }

    private static func at(_ second: Int) -> Timestamp {
        Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000)
    }

    private static func devices(_ latest: LatestReadings) -> [DeviceState] {
        var latest = latest
        var index = DeviceIndex()
        index.apply(latest.takeChanges().changes)
        return latest.devices(of: index.keys)
    }

    private static func names(_ latest: LatestReadings) -> Set<String> {
        Set(Self.devices(latest).map(\.device.rawValue))
    }

    @Test("Devices with many bytes evict each other; those with few bytes stay")
    func budget() throws {
        var latest = LatestReadings(capacity: 10_000, maxBytes: 4 << 20)
        for number in 0..<100 { _ = latest.update(with: try Self.reading("honest\(number)", metrics: 4)) }
        for set in 0..<40 {
            for number in 0..<10 {
                let update = latest.update(
                    with: try Self.reading("greedy\(number)", metrics: 64, set: set, nameLength: 100, at: 2 + set))
                #expect(update != nil)
                #expect(latest.byteCount <= 4 << 20)
            }
        }
        for number in 0..<200 {
            _ = latest.update(with: try Self.reading("many\(number)", metrics: 60, nameLength: 100, at: 100))
            #expect(latest.byteCount <= 4 << 20)
        }
        let devices = Self.devices(latest)
        #expect(devices.filter { $0.device.rawValue.hasPrefix("honest") && $0.series.count == 1 }.count == 100)
        #expect(latest.evictedSeriesCount > 0)
        #expect(latest.evictedCount > 0)
        #expect(latest.count == devices.count)
        #expect(latest.byteCount == devices.reduce(0) { $0 + $1.byteCount })
    }

    @Test("A device beyond its share loses its own oldest metric sets, never the latest")
    func share() throws {
        var latest = LatestReadings(capacity: 100, maxBytes: 128 << 20)
        for set in 0..<40 {
            _ = latest.update(with: try Self.reading("a", metrics: 64, set: set, nameLength: 100, at: set))
        }
        let device = try #require(Self.devices(latest).first)
        #expect(device.byteCount <= 256 << 10)
        #expect(device.series.count > 1)
        let sets = device.series.map { $0.latest.receivedAt.secondsSinceEpoch }
        #expect(sets == (40 - sets.count..<40).map(Double.init))
        // A single series that exceeds the limit alone is still kept.
        _ = latest.update(with: try Self.reading("b", metrics: 1500, nameLength: 120))
        #expect(Self.devices(latest).first { $0.room == "sensors/b" }?.series.count == 1)
    }

    @Test("At the device limit, the longest silent device is evicted, also after frequent updates")
    func silence() throws {
        var latest = LatestReadings(capacity: 3)
        for (second, name) in ["a", "b", "c", "a", "b", "d", "e"].enumerated() {
            _ = latest.update(with: try Self.reading(name, metrics: 1, at: second))
        }
        // c was evicted for d, then a for e.
        #expect(Self.names(latest) == ["b", "d", "e"])
        #expect(latest.evictedCount == 2)
        let id = try #require(DeviceID("b"))
        _ = latest.update(with: StatusReport(device: id, rooms: ["sensors/b"], isOnline: true, receivedAt: Self.at(9)))
        _ = latest.update(with: try Self.reading("f", metrics: 1, at: 10))
        #expect(Self.names(latest) == ["b", "e", "f"])
    }

    @Test("A device's metric sets are distinguished by their names, however many there are")
    func sets() throws {
        var latest = LatestReadings(capacity: 3)
        for round in 0..<3 {
            for set in 0..<64 {
                _ = latest.update(with: try Self.reading("a", metrics: 3, set: set, at: round * 64 + set))
            }
        }
        let device = try #require(Self.devices(latest).first)
        #expect(device.series.count == 64)
        #expect(device.series.map { $0.latest.receivedAt.secondsSinceEpoch } == (128..<192).map(Double.init))
        #expect(device.series.map(\.key).count == Set(device.series.map(\.key)).count)
    }

    @Test("The eviction order equals that of a linear search, for random changes")
    func order() {
        var order = EvictionOrder()
        var sizes: [Int: Int] = [:]
        /// The step at which each was last heard, and last heard or shrunk.
        var heard: [Int: Int] = [:]
        var touched: [Int: Int] = [:]
        var random = SeededRandom()
        for step in 0..<5000 {
            let slot = Int.random(in: 0..<60, using: &random)
            let size = 1 << Int.random(in: 0..<20, using: &random) + Int.random(in: 0..<1000, using: &random)
            switch (sizes[slot], Int.random(in: 0..<4, using: &random)) {
            case (nil, _):
                order.add(slot, byteCount: size)
                (sizes[slot], heard[slot], touched[slot]) = (size, step, step)
            case (_, 0):
                order.remove(slot)
                (sizes[slot], heard[slot], touched[slot]) = (nil, nil, nil)
            case (_, 1):
                order.resize(slot, byteCount: size)
                (sizes[slot], touched[slot]) = (size, step)
            default:
                order.touch(slot, byteCount: size)
                (sizes[slot], heard[slot], touched[slot]) = (size, step, step)
            }
            #expect(order.byteCount == sizes.values.reduce(0, +), "seed \(random.seed), step \(step)")
            #expect(order.longestSilent == heard.min { $0.value < $1.value }?.key, "seed \(random.seed), step \(step)")
            let most = sizes.values.max().map { Int.bitWidth - $0.leadingZeroBitCount }
            let large = sizes.filter { Int.bitWidth - $0.value.leadingZeroBitCount == most }.keys
            #expect(
                order.largest == large.min { touched[$0] ?? 0 < touched[$1] ?? 0 }, "seed \(random.seed), step \(step)")
        }
    }

    @Test("A snapshot contains each device that existed at its start once, during random changes")
    func snapshot() throws {
        var random = SeededRandom()
        var latest = LatestReadings(capacity: 4000)
        var index = DeviceIndex()
        func hear(_ name: String) throws {
            let id = try #require(DeviceID(name))
            _ = latest.update(
                with: Reading(
                    device: id, room: "\(name.prefix(1))/\(name)", metrics: [Metric(name: "t", value: 1)],
                    time: Self.at(1), receivedAt: Self.at(1)))
        }
        func bringUpToDate() {
            let (changes, isWhole) = latest.takeChanges()
            index.apply(changes, isWhole: isWhole)
        }
        let names = (0..<3000).map { $0 % 2 == 0 ? "a\($0)" : "b\($0)" }
        for name in names { try hear(name) }
        bringUpToDate()
        var snapshot = LatestSnapshot(of: try TopicFilter("a/+"), protecting: [])
        snapshot.findDevices(among: index.keys)
        try hear("a-late")
        let (changes, isWhole) = latest.takeChanges()
        snapshot.begin(at: latest.version, adding: changes.filter(\.isKnown).map(\.key), isWhole: isWhole)
        index.apply(changes, isWhole: isWhole)
        var told: [String: Int] = [:]
        var spoke: Set<String> = []
        while true {
            for part in snapshot.next(from: latest, at: Self.at(2)) {
                let name = String(part.room.dropFirst(2))
                told[name, default: 0] += 1
                #expect(!spoke.contains(name), "its newer reading was sent live; seed \(random.seed)")
            }
            if snapshot.isFinished { break }
            // These arrive after the snapshot began and evict the devices that were silent longest.
            for number in 0..<Int.random(in: 0..<60, using: &random) { try hear("a-\(told.count)-\(number)") }
            let name = names[Int.random(in: 0..<names.count, using: &random)]
            try hear(name)
            spoke.insert(name)
            if Bool.random(using: &random) { bringUpToDate() }
            snapshot.findDevices(among: index.keys)
        }
        #expect(told.values.allSatisfy { $0 == 1 }, "seed \(random.seed)")
        #expect(told.keys.allSatisfy { $0 == "a-late" || names.contains($0) }, "seed \(random.seed)")
        for name in names + ["a-late"] where name.hasPrefix("a") && told[name] == nil && !spoke.contains(name) {
            let key = DeviceKey(room: "a/\(name)", device: name)
            #expect(latest.state(of: key) == nil, "\(name) is still there; seed \(random.seed)")
        }
    }
    @Test(
        "A search examines only rooms that share the filter's prefix",
        arguments: [("b/+", 10), ("b/3", 1), ("b/#", 20), ("c/#", 0), ("+/3", 30), ("#", 30), ("bb/#", 10)])
    func search(filter: String, looks: Int) throws {
        let keys = ["a", "b", "bb"].flatMap { root in
            (0..<10).map { DeviceKey(room: "\(root)/\($0)", device: "\($0)") }
        }
        var snapshot = LatestSnapshot(of: try TopicFilter(filter), protecting: [])
        snapshot.findDevices(among: keys)
        #expect(snapshot.takeExaminedCount() == looks)
        #expect(snapshot.takeExaminedCount() == 0, "each examined room is charged once")
    }
}
