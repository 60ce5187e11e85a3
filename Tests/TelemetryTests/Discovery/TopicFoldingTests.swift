import Core
import Telemetry
import Testing

/// Topics are folded into patterns that people recognise, whatever their number.
@Suite("Folding of topics")
struct TopicFoldingTests {
    struct Row: CustomTestStringConvertible {
        let name: String
        /// Topics with payloads.
        let messages: [(String, String)]
        let patterns: Set<String>
        var testDescription: String { name }
    }

    private static let rows: [Row] = [
        Row(
            name: "rooms with the same metric",
            messages: [("home/kitchen/temp", "21"), ("home/bath/temp", "22")], patterns: ["home/+/temp"]),
        Row(
            name: "a metric that only one of the rooms has",
            messages: [("home/kitchen/temp", "21"), ("home/bath/temp", "22"), ("home/bath/hum", "60")],
            patterns: ["home/+/temp", "home/+/hum"]),
        Row(
            name: "three metrics of values",
            messages: [("home/a/temp", "1"), ("home/b/temp", "1"), ("home/a/hum", "1"), ("home/a/lux", "1")],
            patterns: ["home/+/+"]),
        Row(
            name: "a text beside values",
            messages: [
                ("home/a/temp", "1"), ("home/a/hum", "1"), ("home/a/lux", "1"), ("home/b/lux", "1"),
                ("home/a/name", "Hall"),
            ], patterns: ["home/+/+", "home/+/name"]),
        Row(
            name: "Tasmota's kinds of messages",
            messages: ["SENSOR", "STATE", "INFO1"].flatMap { [("tele/a/\($0)", "{}"), ("tele/b/\($0)", "{}")] },
            patterns: ["tele/+/SENSOR", "tele/+/STATE", "tele/+/INFO1"]),
        Row(
            name: "devices in the last level",
            messages: ["lamp", "plug", "door"].map { ("z2m/\($0)", "{}") } + [("z2m/bridge/state", "online")],
            patterns: ["z2m/+", "z2m/bridge/state"]),
        Row(
            name: "ESPHome nodes",
            messages: ["n1", "n2", "n3"].flatMap { [("\($0)/sensor/t/state", "1"), ("\($0)/sensor/h/state", "1")] },
            patterns: ["+/sensor/+/state"]),
        Row(
            name: "two systems with the same ending stay apart",
            messages: [("a/bridge/state", "x"), ("b/bridge/state", "x")],
            patterns: ["a/bridge/state", "b/bridge/state"]),
        Row(
            name: "reserved topics and empty levels", messages: [("$SYS/a", "1"), ("$SYS/b", "1"), ("/x/", "1")],
            patterns: ["$SYS/a", "$SYS/b", "/x/"]),
    ]

    @Test("Topics of the same form become one pattern", arguments: rows)
    func patterns(row: Row) {
        #expect(Set(Sampling.patterns(of: row.messages).map(\.filter)) == row.patterns)
    }

    @Test("10,000 topics, even unrelated ones, become a few patterns")
    func manyTopics() {
        let regular = (0..<10_000).map { ("site/\($0 % 10)/line/\($0 / 10 % 10)/machine/\($0 / 100)/temp", "1") }
        #expect(Sampling.patterns(of: regular).map(\.filter) == ["site/+/line/+/machine/+/temp"])
        let unrelated = (0..<10_000).map { ("x/\($0)/\($0 * 7)", "text \($0)") }
        let patterns = Sampling.patterns(of: unrelated)
        #expect(patterns.map(\.filter) == ["x/+/+"])
        #expect(patterns.first?.topicCount == 10_000)
    }

    @Test("A pattern adds up its topics and shows the latest message")
    func totals() throws {
        var sampler = Sampling.empty()
        sampler.add(topic: "a/x/t", payload: Array("1".utf8), isRetained: true, at: Sampling.time(0))
        sampler.add(topic: "a/y/t", payload: Array("3".utf8), isRetained: false, at: Sampling.time(60))
        sampler.add(topic: "a/x/t", payload: Array("2".utf8), isRetained: false, at: Sampling.time(30))
        let pattern = try #require(TopicFolding.patterns(of: sampler.topics).first)
        #expect(pattern.filter == "a/+/t")
        #expect(pattern.topicCount == 2 && pattern.liveCount == 2 && pattern.retainedCount == 1)
        #expect(pattern.sample.name == "a/y/t" && pattern.sample.payload == Array("3".utf8))
        #expect(pattern.messagesPerMinute(at: Sampling.time(120)) == 1)
        #expect(pattern.messagesPerMinute(at: Sampling.time(4)) == nil)
    }
}

/// Samples for tests.
enum Sampling {
    static func time(_ seconds: Int64) -> Timestamp {
        Timestamp(nanosecondsSinceEpoch: 1_800_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    static func empty(
        excluding taken: [TopicFilter] = [], limits: TopicSampler.Limits = TopicSampler.Limits()
    ) -> TopicSampler {
        TopicSampler(excluding: taken, limits: limits, at: time(0))
    }

    static func patterns(of messages: [(String, String)]) -> [TopicPattern] {
        var sampler = empty()
        for (topic, payload) in messages {
            sampler.add(topic: topic, payload: Array(payload.utf8), isRetained: false, at: time(1))
        }
        return TopicFolding.patterns(of: sampler.topics)
    }
}
