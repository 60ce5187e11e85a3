import Core
import GRDB
import Telemetry
import TestSupport
import Testing

@testable import Storage

/// Stored readings can be read back by device, metric and time.
@Suite("Stored readings")
struct ReadingStoreTests {
    private let fixture = StorageFixture()
    private let database: Storage.Database
    private let store = ReadingStore()
    private static let always =
        Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)

    init() throws {
        database = try fixture.open()
    }

    private static func reading(
        _ device: String, _ metrics: [(String, Double, String?)], at second: Int64, received: Int64? = nil,
        retained: Bool = false
    ) throws -> Reading {
        Reading(
            device: try #require(DeviceID(device)), room: "sensors/\(device)",
            metrics: metrics.map { Metric(name: $0.0, value: $0.1, unit: $0.2) }, time: at(second),
            receivedAt: at(received ?? second), isRetained: retained)
    }

    @discardableResult
    private func append(_ readings: [Reading]) throws -> ReadingStore.AppendResult {
        try database.write { try store.append(readings, in: $0) }
    }

    private func values(_ device: String, _ metric: String, from: Int64? = nil, to: Int64? = nil) throws -> [Double] {
        let range = (from.map(at) ?? Self.always.lowerBound)..<(to.map(at) ?? Self.always.upperBound)
        return try database.read { snapshot in
            let series = try snapshot.series(of: device).filter { $0.metric == metric }
            return try snapshot.values(of: series.map(\.id), in: range, after: nil, limit: 10_000).map(\.value)
        }
    }

    @Test("Each metric is a series with its unit, and values are ordered by time, also late ones")
    func series() throws {
        try append([
            try Self.reading("a", [("t", 20, "°C"), ("h", 40, "%")], at: 10),
            try Self.reading("b", [("t", 1, nil)], at: 11),
            try Self.reading("a", [("t", 22, "°C")], at: 30),
        ])
        try append([try Self.reading("a", [("h", 41, "%"), ("t", 21, "°C")], at: 20, received: 40)])
        #expect(try values("a", "t") == [20, 21, 22])
        #expect(try values("a", "t", from: 20, to: 30) == [21])
        #expect(try values("a", "h") == [40, 41])
        let series = try database.read { try $0.series(of: "a") }
        #expect(series.map { "\($0.metric) \($0.unit ?? "-") \($0.room)" } == ["h % sensors/a", "t °C sensors/a"])
    }

    @Test("The latest state has each metric once, grouped by reading, in the unit used last")
    func latestStates() throws {
        try append([
            try Self.reading("a", [("t", 68, "°F"), ("h", 40, "%")], at: 10),
            try Self.reading("a", [("p", 1000, "hPa")], at: 20),
            try Self.reading("a", [("t", 21, "°C"), ("h", 41, "%")], at: 30),
            try Self.reading("b", [("t", 1, nil)], at: 60),
            try Self.reading("c", [("t", 2, nil)], at: 50),
        ])
        let states = try database.read { try $0.latestDeviceStates(maxDevices: 10, maxSeries: 100) }
        #expect(states.map(\.device.name) == ["a", "c", "b"])
        let device = try #require(states.first)
        #expect(
            device.values.map(\.metrics) == [
                [Metric(name: "p", value: 1000, unit: "hPa")],
                [Metric(name: "h", value: 41, unit: "%"), Metric(name: "t", value: 21, unit: "°C")],
            ])
        #expect(device.values.map(\.time) == [at(20), at(30)])
        #expect(device.times == [at(10), at(30)])
        #expect(
            try database.read { try $0.deviceStates(named: "a", maxRooms: 1) { _ in true } }.map(\.device.room) == [
                "sensors/a"
            ])
        #expect(try database.read { try $0.deviceStates(named: "a", maxRooms: 1) { _ in false } }.isEmpty)
        let few = try database.read { try $0.latestDeviceStates(maxDevices: 2, maxSeries: 100) }
        #expect(few.map(\.device.name) == ["c", "b"])
        let one = try database.read { try $0.latestDeviceStates(maxDevices: 10, maxSeries: 1) }
        #expect(one.map(\.device.name) == ["b"])
    }

    @Test("Equal readings are all stored, in one batch and in several")
    func doubles() throws {
        let same = try Self.reading("a", [("t", 5, nil)], at: 10)
        try append([same, same])
        try append([same])
        #expect(try values("a", "t") == [5, 5, 5])
    }

    @Test("Retained readings are not stored")
    func retained() throws {
        try append([try Self.reading("a", [("t", 5, nil)], at: 10, retained: true)])
        #expect(try database.read { try $0.series(of: "a") }.isEmpty)
    }

    @Test("Another unit gives another series of the same metric")
    func units() throws {
        try append([
            try Self.reading("a", [("t", 20, "°C")], at: 10), try Self.reading("a", [("t", 68, "°F")], at: 11),
            try Self.reading("a", [("t", 21, nil)], at: 12),
        ])
        #expect(try database.read { try $0.series(of: "a").map(\.unit) } == [nil, "°C", "°F"])
        #expect(try values("a", "t") == [20, 68, 21])
    }

    @Test("A rolled back transaction leaves nothing, and the next one creates its series again")
    func rollback() throws {
        let first = try Self.reading("a", [("t", 1, nil)], at: 1)
        #expect(throws: CancellationError.self) {
            try database.write { transaction in
                _ = try store.append([first], in: transaction)
                throw CancellationError()
            }
        }
        try append([try Self.reading("b", [("t", 9, nil)], at: 1), try Self.reading("a", [("t", 2, nil)], at: 2)])
        #expect(try values("a", "t") == [2])
        #expect(try values("b", "t") == [9])
    }

    @Test("Values of new series beyond the limit are dropped and counted; existing series continue")
    func limit() throws {
        let store = ReadingStore(maxSeries: 2)
        let readings = [
            try Self.reading("a", [("t", 1, nil), ("h", 2, nil), ("p", 3, nil)], at: 1),
            try Self.reading("a", [("t", 4, nil)], at: 2),
        ]
        let result = try database.write { try store.append(readings, in: $0) }
        #expect(result == ReadingStore.AppendResult(valueCount: 3, refusedCount: 1))
        // Devices with no stored readings are not recorded either.
        let strangers = try (0..<50).map { try Self.reading("new\($0)", [("t", 1, nil)], at: 3) }
        let refused = try database.write { try store.append(strangers, in: $0) }
        #expect(refused == ReadingStore.AppendResult(valueCount: 0, refusedCount: 50))
        #expect(try database.read { try $0.devices(limit: 99).map(\.name) } == ["a"])
        // The same after a restart.
        let again = try database.write { try ReadingStore(maxSeries: 2).append(readings, in: $0) }
        #expect(again == ReadingStore.AppendResult(valueCount: 3, refusedCount: 1))
    }

    @Test("A device with too many metrics does not use other devices' share, and keeps its own series")
    func deviceLimit() throws {
        let store = ReadingStore()
        let count = ReadingStore.maxDeviceSeries
        func append(_ names: some Sequence<Int>, of device: String, at second: Int64) throws
            -> ReadingStore.AppendResult
        {
            let reading = try Self.reading(device, names.map { ("m\($0)", Double($0), nil) }, at: second)
            return try database.write { try store.append([reading], in: $0) }
        }
        #expect(
            try append(0..<count + 50, of: "a", at: 1) == ReadingStore.AppendResult(valueCount: count, refusedCount: 50)
        )
        #expect(try append(0..<50, of: "b", at: 2) == ReadingStore.AppendResult(valueCount: 50, refusedCount: 0))
        #expect(
            try append((0..<count).reversed(), of: "a", at: 3)
                == ReadingStore.AppendResult(valueCount: count, refusedCount: 0))
        #expect(try values("a", "m7") == [7, 7])
    }

    @Test("Devices are stored with the times at which they were first and last seen")
    func devices() throws {
        try append([try Self.reading("a", [("t", 1, nil)], at: 5, received: 100)])
        try append([try Self.reading("a", [("t", 1, nil)], at: 6, received: 105)])
        #expect(
            try database.read { try $0.devices(limit: 9) }
                == [StoredDevice(name: "a", room: "sensors/a", firstSeen: at(100), lastSeen: at(100))],
            "the time is not written with every reading")
        try append([try Self.reading("a", [("t", 1, nil)], at: 6, received: 200)])
        try database.write {
            _ = try ReadingStore().append([try Self.reading("a", [("t", 1, nil)], at: 6, received: 300)], in: $0)
        }
        #expect(
            try database.read { try $0.devices(limit: 9) }
                == [StoredDevice(name: "a", room: "sensors/a", firstSeen: at(100), lastSeen: at(300))])
    }

    @Test("Pages together contain every value once, in order of time", arguments: [1, 3, 40, 1000])
    func pages(limit: Int) throws {
        var generator = SeededRandom()
        for _ in 0..<40 {
            try append(
                try (0..<5).map { _ in
                    try Self.reading(
                        "a", [("t", .random(in: 0...9, using: &generator), nil), ("h", 1, "%"), ("x", 2, nil)],
                        at: .random(in: 0...20, using: &generator))
                })
        }
        try database.read { snapshot in
            let series = try snapshot.series(of: "a").map(\.id)
            var pages: [StoredValue] = []
            while true {
                let page = try snapshot.values(of: series, in: at(0)..<at(20), after: pages.last, limit: limit)
                if page.isEmpty { break }
                pages += page
            }
            let rows = try snapshot.values(of: series, in: at(0)..<at(20), after: nil, limit: 1_000_000)
            #expect(pages == rows, "seed \(generator.seed)")
            #expect(pages.count > 400, "seed \(generator.seed)")
            let isInOrder = zip(pages, pages.dropFirst()).allSatisfy {
                ($0.time, $0.sequence) <= ($1.time, $1.sequence)
            }
            #expect(isInOrder, "seed \(generator.seed)")
        }
    }

    private func remove(before second: Int64, limit: Int) throws -> (seriesCount: Int, valueCount: Int) {
        let series = try database.read { try $0.agedSeries(before: at(second), after: 0, limit: 500).aged }
        return try database.write {
            try store.remove(series[...], before: at(second), limit: limit, in: $0)
        }
    }

    private func removeDevices(silentSince second: Int64) throws -> Int {
        let devices = try database.read { try $0.forgottenDevices(silentSince: at(second), after: nil, limit: 500) }
        return try database.write { try store.remove(devices, silentSince: at(second), in: $0) }
    }

    @Test("Removal deletes the oldest values in portions, then empty series and their devices")
    func removal() throws {
        try append(try (0..<100).map { try Self.reading("a", [("t", Double($0), nil)], at: $0) })
        try append([try Self.reading("b", [("t", 1, nil)], at: 50)])
        #expect(try remove(before: 60, limit: 25) == (0, 25))
        #expect(try values("a", "t").first == 25)
        #expect(try remove(before: 60, limit: 1000) == (2, 36))
        #expect(try values("a", "t") == (60..<100).map(Double.init))
        #expect(try database.read { try $0.series(of: "b") }.isEmpty)
        #expect(try removeDevices(silentSince: 50) == 0, "the device has sent since then")
        #expect(try removeDevices(silentSince: 1000) == 1)
        #expect(try database.read { try $0.devices(limit: 9).map(\.name) } == ["a"])
        // A device that returns is treated like a new one.
        try append([try Self.reading("b", [("t", 7, nil)], at: 70)])
        #expect(try values("b", "t") == [7])
        #expect(try database.read { try $0.devices(limit: 9).map(\.name) } == ["a", "b"])
        #expect(try remove(before: 60, limit: 1000) == (0, 0))
    }

    @Test("A removal's limit also applies to values of the same instant")
    func equalTimes() throws {
        let same = try Self.reading("a", [("t", 5, nil)], at: 10)
        try append(Array(repeating: same, count: 100))
        #expect(try remove(before: 60, limit: 30) == (0, 30))
        #expect(try values("a", "t").count == 70)
        #expect(try remove(before: 60, limit: 1000) == (1, 70))
    }

    @Test("A removal is limited to few series and scans no table")
    func removalIsBounded() throws {
        for number in 0..<100 { try append([try Self.reading("d\(number)", [("t", 1, nil)], at: 1)]) }
        var statements: [String] = []
        let (series, devices) = try database.read {
            (
                try $0.agedSeries(before: at(60), after: 0, limit: 500).aged,
                try $0.devices(limit: 500)
            )
        }
        let result = try database.write { transaction in
            transaction.database.trace { event in
                if case .statement(let statement) = event { statements.append(statement.expandedSQL) }
            }
            defer { transaction.database.trace(options: []) }
            let result = try store.remove(series[...], before: at(60), limit: 2000, in: transaction)
            #expect(try store.remove(devices, silentSince: at(60), in: transaction) == result.seriesCount)
            return result
        }
        #expect(result == (64, 64))
        #expect(statements.count > 128)
        let plans = try database.read { snapshot in
            try Set(statements).flatMap {
                try String.fetchAll(
                    snapshot.database, sql: "EXPLAIN QUERY PLAN \($0)", adapter: SuffixRowAdapter(fromIndex: 3))
            }
        }
        #expect(plans.allSatisfy { !$0.hasPrefix("SCAN") || $0.contains("CONSTANT") }, "\(plans)")
    }

    @Test("The id of a removed series is never reused")
    func numbers() throws {
        try append([try Self.reading("a", [("t", 1, nil)], at: 1)])
        let first = try #require(try database.read { try $0.series(of: "a").first?.id })
        #expect(try remove(before: 60, limit: 10) == (1, 1))
        try append([try Self.reading("b", [("t", 1, nil)], at: 1)])
        #expect(try database.read { try $0.series(of: "b").first?.id } != first)
    }

    @Test("The oldest reading and the size are reported")
    func size() throws {
        #expect(try database.read { try $0.oldestReading() } == nil)
        let before = try database.read { try $0.usedByteCount() }
        try append(try (5..<5000).map { try Self.reading("a", [("t", Double($0), nil)], at: $0) })
        #expect(try database.read { try $0.oldestReading() } == at(5))
        #expect(try database.read { try $0.usedByteCount() } > before + 50_000)
    }
}
