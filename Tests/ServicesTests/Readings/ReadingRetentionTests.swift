import Core
import Foundation
import Realtime
import Storage
import Telemetry
import Testing

@testable import Services

/// Retention removes readings by age and by size, oldest first.
@Suite("Retention of readings")
struct ReadingRetentionTests {
    private let ingest: IngestFixture

    init() throws {
        ingest = try IngestFixture()
    }

    private func append(_ device: String, _ seconds: Range<Int>) throws {
        let id = try #require(DeviceID(device))
        let readings = seconds.map { second in
            let time = Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000)
            return Reading(
                device: id, room: "sensors/\(device)", metrics: [Metric(name: "t", value: Double(second))], time: time,
                receivedAt: time)
        }
        try ingest.database.write { _ = try ingest.readings.append(readings, in: $0) }
    }

    private func clean(_ policy: RetentionPolicy, at second: Int) async throws -> Int {
        await retention(policy).clean(at: Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000))
    }

    private func retention(_ policy: RetentionPolicy) -> ReadingRetention {
        ReadingRetention(
            policy: policy, database: ingest.database, writer: ingest.writer, readings: ingest.readings,
            logger: ingest.logger)
    }

    @Test("Readings beyond the maximum age are removed in portions, and later readings are stored as before")
    func age() async throws {
        try append("a", 0..<5000)
        try append("b", 4000..<4100)
        let removed = try await clean(.init(maxAge: .seconds(900)), at: 5400)
        #expect(removed == 4500 + 100)
        #expect(try ingest.values(of: "a") == (4500..<5000).map(Double.init))
        #expect(try ingest.values(of: "b").isEmpty)
        try append("b", 5000..<5001)
        #expect(try ingest.values(of: "b") == [5000])
        #expect(try await clean(.init(maxAge: .seconds(900)), at: 5400) == 0)
    }

    @Test("Above the maximum size, the oldest readings of all devices are removed until it is met")
    func size() async throws {
        for device in ["a", "b"] { try append(device, 0..<30_000) }
        let size = try await ingest.database.read { try $0.usedByteCount() }
        let limit = size / 2
        let removed = try await clean(.init(maxAge: .seconds(1_000_000), maxBytes: limit), at: 30_000)
        #expect(removed > 10_000)
        let left = try await ingest.database.read { snapshot in
            try snapshot.usedByteCount() - snapshot.namesBesideReadings().map(snapshot.byteCount).reduce(0, +)
        }
        #expect(left <= limit && left > limit / 2)
        let kept = try ingest.values(of: "a")
        #expect(kept.last == 29_999 && !kept.isEmpty && kept == Array(kept.sorted()))
        // Both devices lost the same time range.
        #expect(kept.first == (try ingest.values(of: "b").first))
    }

    @Test("Other data that fills the database does not cause readings to be removed")
    func others() async throws {
        try append("a", 0..<5000)
        let limit = try await ingest.database.read { try $0.usedByteCount() } * 2
        try ingest.database.write { transaction in
            for number in 0..<200 {
                _ = try transaction.append(
                    to: "chat", messageID: "m\(number)", type: "chat_message",
                    payload: [UInt8](repeating: UInt8(ascii: "x"), count: 8192),
                    at: Timestamp(nanosecondsSinceEpoch: 0))
            }
        }
        #expect(try await ingest.database.read { try $0.usedByteCount() } > limit)
        let retention = retention(.init(maxAge: .seconds(1_000_000), maxBytes: limit))
        for second in 5000..<5003 {
            #expect(await retention.clean(at: Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000)) == 0)
        }
        #expect(try ingest.values(of: "a").count == 5000)
        // The limit for readings still applies.
        try append("b", 0..<30_000)
        let now = Timestamp(nanosecondsSinceEpoch: 30_000 * 1_000_000_000)
        #expect(await retention.clean(at: now) > 1000)
        #expect(try ingest.values(of: "b").last == 29_999)
        #expect(try ingest.values(of: "b").count > 1000)
    }

    @Test("Hundreds of outdated devices are removed with their series, in portions")
    func devices() async throws {
        for number in 0..<200 { try append("d\(number)", 0..<2) }
        try append("young", 900..<901)
        #expect(try await clean(.init(maxAge: .seconds(100)), at: 1000) == 400)
        let left = try await ingest.database.read { try ($0.devices(limit: 999), $0.series(after: 0, limit: 999)) }
        #expect(left.0.map(\.name) == ["young"] && left.1.map(\.device) == ["young"])
    }

    @Test("Each run examines a limited number of series, and the next run continues after them")
    func rounds() async throws {
        for number in 0..<10 { try append("d\(number)", 0..<2) }
        let retention = ReadingRetention(
            policy: .init(maxAge: .seconds(100)), database: ingest.database, writer: ingest.writer,
            readings: ingest.readings, seriesPerCleaning: 4, logger: ingest.logger)
        let now = Timestamp(nanosecondsSinceEpoch: 1000 * 1_000_000_000)
        var removed: [Int] = []
        for _ in 1...3 { removed.append(await retention.clean(at: now)) }
        #expect(removed == [8, 8, 4])
        try append("d0", 1..<3)
        for _ in 1...2 { removed.append(await retention.clean(at: now)) }
        #expect(removed.suffix(2).reduce(0, +) == 2)
    }
}
