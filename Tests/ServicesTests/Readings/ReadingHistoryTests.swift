import Core
import Storage
import Telemetry
import Testing

@testable import Services

/// Long reads yield to others, and results contain only readings that the user may see.
@Suite("Reading history")
struct ReadingHistoryTests {
    private let ingest: IngestFixture
    private let history: ReadingHistory

    init() throws {
        ingest = try IngestFixture()
        history = ReadingHistory(database: ingest.database, logger: ingest.logger)
    }

    private func append(_ device: String, in room: String, count: Int) throws {
        let id = try #require(DeviceID(device))
        let readings = (0..<count).map { number in
            let time = Timestamp(nanosecondsSinceEpoch: Int64(number))
            return Reading(
                device: id, room: room, metrics: [Metric(name: "t", value: Double(number))], time: time,
                receivedAt: time)
        }
        try ingest.database.write { _ = try ingest.readings.append(readings, in: $0) }
    }

    @Test("A chart read in many slices is complete, also beside many others")
    func slices() async throws {
        try append("a", in: "sensors/a", count: 2000)
        let series = try await history.series(of: "a", metrics: []) { _ in true }
        let range = Timestamp(nanosecondsSinceEpoch: 0)..<Timestamp(nanosecondsSinceEpoch: 2000)
        let whole = try await history.chart(of: series, in: range, maxPoints: 10, for: "ann")
        await withTaskGroup(of: Bool.self) { group in
            for slice in 100..<150 {
                group.addTask { [history] in
                    let lines = try? await history.chart(
                        of: series, in: range, maxPoints: 10, sliceSize: slice,
                        for: UserID(unchecked: "user-\(slice % 3)"))
                    return lines?.map(\.points) == whole.map(\.points)
                }
            }
            for await isEqual in group { #expect(isEqual) }
        }
    }

    @Test("Devices are listed by room and name, page by page")
    func devices() async throws {
        for name in ["one", "two", "three"] { try append(name, in: "z/\(name)", count: 1) }
        try append("one", in: "a", count: 1)
        let first = try await history.devices(after: nil, limit: 2)
        #expect(first.map(\.room) == ["a", "z/one"])
        let last = try #require(first.last)
        let rest = try await history.devices(after: DeviceKey(room: last.room, device: last.name), limit: 9)
        #expect(rest.map(\.room) == ["z/three", "z/two"])
    }
}
