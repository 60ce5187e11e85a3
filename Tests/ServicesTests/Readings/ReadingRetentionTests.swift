import Foundation
import Realtime
import Storage
import Telemetry
import Testing

@testable import Services

/// What is too old goes by its age, what is too much by its size, the oldest first.
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
        let retention = ReadingRetention(
            policy: policy, database: ingest.database, writer: ingest.writer, readings: ingest.readings,
            logger: ingest.logger)
        return await retention.clean(at: Timestamp(nanosecondsSinceEpoch: Int64(second) * 1_000_000_000))
    }

    @Test("Older readings go, in several portions, and nothing else; what is stored afterwards is found")
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

    @Test("Above its size the oldest readings of all devices go, until there is room again")
    func size() async throws {
        for device in ["a", "b"] { try append(device, 0..<30_000) }
        let size = try await ingest.database.read { try $0.usedByteCount() }
        let limit = size / 2
        let removed = try await clean(.init(maxAge: .seconds(1_000_000), maxBytes: limit), at: 30_000)
        #expect(removed > 10_000)
        #expect(try await ingest.database.read { try $0.usedByteCount() } <= limit)
        let kept = try ingest.values(of: "a")
        #expect(kept.last == 29_999 && !kept.isEmpty && kept == Array(kept.sorted()))
        // Both have lost the same span of time.
        #expect(kept.first == (try ingest.values(of: "b").first))
    }
}
