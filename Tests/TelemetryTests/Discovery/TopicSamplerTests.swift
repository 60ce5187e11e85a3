import Core
import Telemetry
import Testing

/// The sample of topics leaves out what routes take, and stays within its limits whatever the broker carries.
@Suite("Sample of topics")
struct TopicSamplerTests {
    private static func payload(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("Topics that a subscription takes are left out, also those of a shared one")
    func taken() throws {
        var sampler = Sampling.empty(excluding: [
            try TopicFilter("sensors/+"), try TopicFilter("$share/group/tele/+/SENSOR"),
        ])
        for topic in ["sensors/a", "tele/a/SENSOR", "sensors/a/t"] {
            sampler.add(topic: topic, payload: [], isRetained: false, at: Sampling.time(1))
        }
        #expect(sampler.topics.map(\.name) == ["sensors/a/t"])
        #expect(sampler.counts.taken == 2)
    }

    @Test("At the limit of topics, those heard from least recently are forgotten")
    func topicLimit() {
        var limits = TopicSampler.Limits()
        limits.maxTopics = 100
        var sampler = Sampling.empty(limits: limits)
        for number in 0..<1000 {
            sampler.add(topic: "flood/\(number)", payload: [1], isRetained: false, at: Sampling.time(Int64(number)))
            sampler.add(topic: "regular", payload: [1], isRetained: false, at: Sampling.time(Int64(number)))
            #expect(sampler.topicCount <= 100)
        }
        #expect(sampler.topics.contains { $0.name == "regular" && $0.liveCount == 1000 })
        #expect(sampler.topics.contains { $0.name == "flood/999" })
        #expect(sampler.counts.forgottenTopics + sampler.topicCount == 1001)
    }

    @Test("The memory of topics and payloads is bounded, and 10,000 topics with large payloads are kept")
    func memory() {
        var sampler = Sampling.empty()
        let large = [UInt8](repeating: 65, count: 100_000)
        for number in 0..<10_000 {
            sampler.add(topic: "large/\(number)", payload: large, isRetained: false, at: Sampling.time(Int64(number)))
        }
        #expect(sampler.topicCount == 10_000)
        #expect(sampler.topics.reduce(0) { $0 + $1.payload.count } < sampler.limits.maxBytes)
        #expect(sampler.topics.allSatisfy { $0.payload.count >= sampler.limits.crowdedPayloadBytes && !$0.isWhole })
        sampler.add(
            topic: String(repeating: "a", count: 2000), payload: [], isRetained: false, at: Sampling.time(20_000))
        #expect(sampler.counts.unusable == 1)
    }

    @Test("Messages beyond the rate are not examined")
    func rate() {
        var limits = TopicSampler.Limits()
        (limits.burst, limits.messagesPerSecond) = (10, 5)
        var sampler = Sampling.empty(limits: limits)
        let admitted = (0..<20).filter { _ in
            sampler.add(topic: "a", payload: [], isRetained: false, at: Sampling.time(0))
        }
        #expect(admitted.count == 10 && sampler.counts.unexamined == 10)
        let isExamined = sampler.add(topic: "a", payload: [], isRetained: false, at: Sampling.time(1))
        #expect(isExamined)
    }

    @Test("A payload is shown as text without control characters, or in hex")
    func excerpts() {
        func excerpt(_ payload: [UInt8]) -> PayloadExcerpt { PayloadExcerpt(of: payload, byteCount: payload.count) }
        #expect(excerpt(Self.payload("21.5 °C\n\u{1B}[31m\u{202E}")).text == "21.5 °C\\n\\u{1B}[31m\\u{202E}")
        let binary = excerpt([0xFF, 0x00, 0x0A])
        #expect(binary.isHex && binary.text == "ff 00 0a")
        let long = excerpt([UInt8](repeating: 0x80, count: 5000))
        #expect(long.isHex && long.isCut && long.text.count == 3 * PayloadExcerpt.maxBinaryBytes - 1)
        // The cut is in the middle of a character.
        let euros = excerpt(Self.payload("a" + String(repeating: "€", count: 1000)))
        #expect(!euros.isHex && euros.isCut && euros.text.hasSuffix("€"))
        #expect(!PayloadExcerpt(of: [0x61, 0xE2, 0x82], byteCount: 3000).isHex)
    }
}
