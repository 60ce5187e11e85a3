import Core
import Telemetry
import Testing

@testable import Storage

/// A chart is the same however many slices it is computed in.
@Suite("Charts read in slices")
struct ReadingChartTests {
    private let fixture = StorageFixture()
    private let database: Storage.Database
    private let series: [StoredSeries]

    /// Three series, one of them with many values at the same instant.
    init() throws {
        database = try fixture.open()
        let store = ReadingStore()
        let device = try #require(DeviceID("a"))
        let readings = (0..<120).map { number in
            Reading(
                device: device, room: "sensors/a",
                metrics: [Metric(name: "h", value: Double(number)), Metric(name: "t", value: Double(-number))],
                time: at(Int64(number)), receivedAt: at(1))
        }
        let stuck = (0..<50).map { number in
            Reading(
                device: device, room: "sensors/a", metrics: [Metric(name: "stuck", value: Double(number))],
                time: at(number < 45 ? 7 : 8), receivedAt: at(1))
        }
        try database.write { _ = try store.append(readings + stuck, in: $0) }
        series = try database.read { try $0.series(of: "a") }
    }

    /// Returns the chart and the number of slices.
    private func chart(_ points: Int, slice: Int) throws -> (lines: [ReadingSampler.Points], slices: Int) {
        var chart = ReadingChart(of: series, in: at(5)..<at(110), maxPoints: points)
        var slices = 0
        while !chart.isFinished {
            try database.read { try chart.read(slice, from: $0) }
            slices += 1
        }
        #expect(chart.lines.map(\.series) == series)
        return (chart.lines.map(\.points), slices)
    }

    @Test("Slices of any size give the same chart", arguments: [1, 2, 7, 50, 105, 1000])
    func slices(slice: Int) throws {
        for points in [10, 1000] {
            let whole = try chart(points, slice: .max)
            #expect(whole.slices == 1)
            let sliced = try chart(points, slice: slice)
            #expect(sliced.lines == whole.lines)
            #expect(sliced.slices >= 260 / slice)
        }
    }

    @Test("Values stored between two slices at an instant already read are not read twice")
    func meanwhile() throws {
        var chart = ReadingChart(of: series.filter { $0.metric == "stuck" }, in: at(0)..<at(10), maxPoints: 1000)
        try database.read { try chart.read(20, from: $0) }
        let late = Reading(
            device: try #require(DeviceID("a")), room: "sensors/a", metrics: [Metric(name: "stuck", value: 99)],
            time: at(7), receivedAt: at(1))
        try database.write { _ = try ReadingStore().append([late], in: $0) }
        while !chart.isFinished { try database.read { try chart.read(20, from: $0) } }
        guard case .values(let points)? = chart.lines.first?.points else {
            Issue.record("51 values in 1000 points are values")
            return
        }
        #expect(points.map(\.value).sorted() == (0..<50).map(Double.init) + [99])
    }
}
