import Core
import CoreMetrics
import MQTTTransport
import Telemetry
import Testing

@testable import Services

/// Clock offsets of devices that send no requests, and answers to those that do.
@Suite("Estimates of device clock offsets")
struct ClockOffsetEstimatorTests {
    private static func at(_ seconds: Double) -> Timestamp {
        Timestamp(secondsSinceEpoch: 1_763_900_000 + seconds) ?? Timestamp(nanosecondsSinceEpoch: 0)
    }

    private func reading(_ device: String = "a", sent: Double?, received: Double) throws -> Reading {
        let time = sent.map(Self.at)
        return Reading(
            device: try #require(DeviceID(device)), room: "sensors/\(device)", metrics: [Metric(name: "t", value: 1)],
            time: time ?? Self.at(received), receivedAt: Self.at(received), hasDeviceTime: time != nil)
    }

    private func sendTime(of reading: Reading, _ clocks: inout ClockOffsetEstimator) -> Timestamp? {
        clocks.sendTime(of: reading)
    }

    @Test("The fastest message determines the offset; slower ones show their delay")
    func minimum() throws {
        var clocks = ClockOffsetEstimator()
        // The device's clock is 100 s ahead; the messages take 0.2, 0.05 and 1.05 s.
        _ = clocks.sendTime(of: try reading(sent: 100.1, received: 0.3))
        _ = clocks.sendTime(of: try reading(sent: 101.1, received: 1.15))
        let time = clocks.sendTime(of: try reading(sent: 102.1, received: 3.15))
        let sent = try #require(time)
        let delay = Self.at(3.15).since(sent)
        #expect(abs(delay / .milliseconds(1) - 1000) < 1)
        let device = try #require(DeviceID("a"))
        #expect(clocks.estimate(of: device)?.isEstimated == true)
        let offset = try #require(clocks.estimate(of: device)?.offset)
        #expect(abs(offset / .milliseconds(1) + 99_950) < 1)
    }

    @Test("No hop is negative, whatever the offset of the device's clock")
    func neverNegative() throws {
        var clocks = ClockOffsetEstimator()
        for (sent, received) in [(0.1, 1.0), (500.1, 2.0), (0.3, 3.0), (-400.1, 4.0)] {
            let reading = try reading(sent: sent, received: received)
            let time = clocks.sendTime(of: reading)
            #expect(try #require(time) <= reading.receivedAt)
        }
    }

    @Test("The offset of a clock that was set back is corrected within two minutes")
    func steps() throws {
        var clocks = ClockOffsetEstimator()
        for second in stride(from: 0.0, to: 60, by: 1) {
            _ = clocks.sendTime(of: try reading(sent: second + 0.1, received: second + 0.15))
        }
        var delay = Duration.zero
        for second in stride(from: 60.0, to: 190, by: 1) {
            let reading = try reading(sent: second - 300 + 0.1, received: second + 0.15)
            let time = clocks.sendTime(of: reading)
            delay = reading.receivedAt.since(try #require(time))
            if second == 61 { #expect(delay > .seconds(299)) }
        }
        #expect(delay < .milliseconds(1))
    }

    @Test("Times in whole seconds, missing times and retained messages are ignored")
    func nothing() throws {
        var clocks = ClockOffsetEstimator()
        #expect(sendTime(of: try reading(sent: 5, received: 5.5), &clocks) == nil)
        #expect(sendTime(of: try reading(sent: nil, received: 5.5), &clocks) == nil)
        var retained = try reading(sent: 5.1, received: 5.5)
        retained.isRetained = true
        #expect(sendTime(of: retained, &clocks) == nil)
    }

    @Test("The number of devices is bounded")
    func bounded() throws {
        var clocks = ClockOffsetEstimator(capacity: 10)
        for index in 0..<1000 {
            _ = clocks.sendTime(of: try reading("d\(index)", sent: Double(index) + 0.1, received: Double(index) + 0.2))
        }
        let ids = (0..<1000).compactMap { DeviceID("d\($0)") }
        let known = ids.count { clocks.estimate(of: $0) != nil }
        #expect((1...10).contains(known))
        #expect(ids.last.flatMap { clocks.estimate(of: $0) } != nil)
    }

    @Test("Clock requests are answered, invalid ones and other topics are ignored")
    func answers() throws {
        let sent = Lock<[MQTTPublication]>([])
        let service = ClockService(answersPerSecond: 2, factory: NOOPMetricsHandler.instance) { publication in
            sent.withLock { $0.append(publication) }
        }
        func message(_ topic: String, _ payload: String) -> MQTTMessage {
            MQTTMessage(topic: topic, payload: Array(payload.utf8))
        }
        let now = SystemWallClock().now()
        #expect(!service.answer(message("sensors/a", "1"), receivedAt: now))
        #expect(service.answer(message("windsock/clock/a/request", "nonsense"), receivedAt: now))
        #expect(sent.withLock { $0.isEmpty })
        for _ in 0..<5 {
            #expect(service.answer(message("windsock/clock/a/request", #"{"id":"x","t0":12.5}"#), receivedAt: now))
        }
        let published = sent.withLock { $0 }
        #expect(published.count == 2, "the others exceeded the limit per second")
        #expect(published.allSatisfy { $0.topic == "windsock/clock/a/response" && $0.qos == .atMostOnce && !$0.retain })
        let response = try #require(ClockMessage.Response(json: published[0].payload))
        #expect(response.id == "x" && response.sentAt == 12.5)
        #expect(response.receivedAt <= response.answeredAt)
    }
}
