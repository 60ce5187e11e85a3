import Core
import Testing

@testable import Storage
@testable import WebServer

/// Charts are written in chunks of a fixed size, whatever they contain.
@Suite("Chart text")
struct ChartTextTests {
    @Test(
        "A series written in portions gives the same text, with names of any length", arguments: [false, true])
    func chartPortions(inBuckets: Bool) {
        let series = StoredSeries(
            id: 1, device: String(repeating: "\"", count: 100), room: "sensors/a", metric: "t", unit: "°C")
        let time = Timestamp(nanosecondsSinceEpoch: 1_700_000_000_000_000_000)
        let points: ReadingSampler.Points =
            inBuckets
            ? .buckets(
                (0..<100).map { .init(start: time, minimum: 1, average: 2, maximum: Double($0), count: 4) },
                width: .seconds(5))
            : .values((0..<100).map { (time, Double($0)) })
        for format in [ReadingFormat.json, .csv, .ndjson] {
            var whole: [UInt8] = []
            var text = ChartText((series, points), isFirst: false, as: format)
            text.write(to: &whole, upTo: .max)
            #expect(text.isFinished)
            var joined: [UInt8] = []
            text = ChartText((series, points), isFirst: false, as: format)
            while !text.isFinished {
                var portion: [UInt8] = []
                text.write(to: &portion, upTo: 50)
                #expect(portion.count < 500)
                joined += portion
            }
            #expect(joined == whole)
        }
    }
}
