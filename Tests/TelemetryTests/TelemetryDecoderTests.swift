import TestSupport
import Testing

@testable import Core
@testable import Telemetry

@Suite("MQTT messages become readings in rooms")
struct TelemetryDecoderTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private func decode(
        _ topic: String, _ payload: String, routes: [TopicRoute] = TopicRoute.defaults, isRetained: Bool = false,
        trace: TraceContext? = nil
    ) throws -> [Reading] {
        var decoder = TelemetryDecoder(routes: routes)
        return try decoder.decode(
            topic: topic, payload: Array(payload.utf8), receivedAt: receivedAt, isRetained: isRetained, trace: trace)
    }

    @Test("The default routes match the documented topics and publish to sensors/{device}")
    func defaultRoutes() throws {
        #expect(
            try decode("sensors/d1", #"{"temperature":21.5,"seq":17}"#) == [
                Reading(
                    device: try #require(DeviceID("d1")), room: "sensors/d1",
                    metrics: [Metric(name: "temperature", value: 21.5), Metric(name: "seq", value: 17)],
                    time: receivedAt, receivedAt: receivedAt)
            ])
        for (topic, payload, metric) in [
            ("sensors/d1/temperature", "21.5", "temperature"), ("sensors/d1/x", #"{"own":1}"#, "own"),
            ("devices/d1/telemetry", #"{"t":1}"#, "t"), ("tele/d1/SENSOR", #"{"A":{"Temperature":1}}"#, "temperature"),
            ("zigbee2mqtt/d1", #"{"contact":true}"#, "contact"),
        ] {
            let reading = try #require(try decode(topic, payload).first)
            #expect(reading.room == "sensors/d1")
            #expect(reading.metrics.map(\.name) == [metric])
        }
    }

    @Test("The first matching route applies, with its convention, room and conversion")
    func firstRouteWins() throws {
        let routes = [
            try TopicRoute(
                pattern: "buildings/{site}/{device}/{metric}", convention: .json, room: "plant/{site}/{device}",
                convertsFahrenheit: true),
            try TopicRoute(pattern: "buildings/#", convention: .bare),
        ]
        let reading = try #require(
            try decode("buildings/north/d1/temp", #"{"value":70.7,"unit":"°F"}"#, routes: routes).first)
        #expect(reading.room == "plant/north/d1")
        #expect(reading.metrics == [Metric(name: "temp", value: 21.5, unit: "°C")])
        #expect(throws: DecodeError.badDevice(nil)) { try decode("buildings/x", "1", routes: routes) }
    }

    @Test("A device named in the payload gets a room of its own, filled with the topic's captures")
    func payloadDevices() throws {
        let routes = [try TopicRoute(pattern: "gw/{site}", room: "sensors/{site}/{device}")]
        let readings = try decode("gw/north", #"{"A":[{"t":1}],"B":[{"t":2}]}"#, routes: routes)
        #expect(readings.map(\.room) == ["sensors/north/A", "sensors/north/B"])
        #expect(readings.map(\.device.rawValue) == ["A", "B"])
    }

    @Test("A device may report for other devices only if its route allows it")
    func foreignDevices() throws {
        let payload = #"{"A":[{"t":1}],"d1":[{"t":2}]}"#
        #expect(throws: DecodeError.foreignDevice("A", topicDevice: "d1")) { try decode("sensors/d1", payload) }
        let routes = [try TopicRoute(pattern: "sensors/{device}", allowsForeignDevices: true)]
        #expect(try decode("sensors/d1", payload, routes: routes).map(\.room) == ["sensors/A", "sensors/d1"])
    }

    @Test("The number of values in all readings of a payload is limited")
    func tooManyValues() throws {
        let reading = "{" + (0..<16).map { "\"\($0)\":1" }.joined(separator: ",") + "}"
        func payload(_ count: Int) -> String { "[\(Array(repeating: reading, count: count).joined(separator: ","))]" }
        #expect(try decode("sensors/d1", payload(1024)).count == 1024)
        #expect(throws: DecodeError.tooManyValues(limit: 16_384)) { try decode("sensors/d1", payload(1025)) }
    }

    @Test("The topic cache is bounded in bytes for topics of maximum length")
    func cacheBytes() throws {
        var decoder = TelemetryDecoder(routes: [try TopicRoute(pattern: "x/{device}/#")])
        let tail = String(repeating: "y", count: 490)
        let limit = TelemetryDecoder.cacheByteLimit / (4 * 490)
        for index in 0..<limit {
            _ = try decoder.decode(topic: "x/\(index)/\(tail)", payload: [0x31], receivedAt: receivedAt)
            #expect(decoder.cachedTopicCount * 4 * 490 <= TelemetryDecoder.cacheByteLimit)
        }
        #expect(decoder.cachedTopicCount < limit)
    }

    @Test("A long topic is parsed without the cache; too long a metric name is rejected")
    func longTopics() throws {
        let metric = String(repeating: "m", count: 60_000)
        #expect(throws: DecodeError.badMetric(metric)) { try decode("sensors/d1/\(metric)", #"{"state":"x"}"#) }
        #expect(throws: DecodeError.self) { try decode("sensors" + String(repeating: "/x", count: 30_000), "1") }
    }

    @Test("Topics without a route and topics with invalid names are errors")
    func badTopics() throws {
        #expect(throws: DecodeError.noRoute(topic: "other/x")) { try decode("other/x", "1") }
        #expect(throws: DecodeError.noRoute(topic: "sensors/")) { try decode("sensors/", "1") }
        #expect(throws: DecodeError.badDevice("a\u{1}")) { try decode("sensors/a\u{1}", "1") }
        let long = String(repeating: "a", count: 129)
        #expect(throws: DecodeError.badDevice(long)) { try decode("sensors/\(long)/t", "1") }
        #expect(throws: DecodeError.badMetric(long)) { try decode("sensors/d1/\(long)", "1") }
    }

    @Test("A plausible device time is used, an implausible one is kept separately")
    func times() throws {
        let believed = try #require(try decode("sensors/d1", #"{"ts":1714564790,"t":1}"#).first)
        #expect(believed.time == receivedAt.advanced(by: .seconds(-10)))
        #expect(believed.hasDeviceTime)
        #expect(believed.receivedAt == receivedAt)
        let ahead = try #require(try decode("sensors/d1", #"{"ts":1714568400,"t":1}"#).first)
        #expect(ahead.time == receivedAt)
        #expect(!ahead.hasDeviceTime)
        #expect(ahead.implausibleDeviceTime == receivedAt.advanced(by: .seconds(3600)))
    }

    @Test("The retain flag is on the reading")
    func retained() throws {
        #expect(try decode("sensors/d1", "1", isRetained: true).first?.isRetained == true)
        #expect(try decode("sensors/d1", "1").first?.isRetained == false)
    }

    @Test("A trace context in the user properties takes precedence over the payload's")
    func traces() throws {
        let payload = #"{"t":1,"traceparent":"\#(Self.parent)"}"#
        let other = try #require(TraceContext(traceparent: Self.parent.replacing("0af7", with: "1bf8")))
        #expect(try decode("sensors/d1", payload).first?.trace == TraceContext(traceparent: Self.parent))
        #expect(try decode("sensors/d1", payload, trace: other).first?.trace == other)
    }

    @Test("Integers up to 2^53 and doubles are decoded exactly")
    func exactNumbers() throws {
        var random = SeededRandom(seed: 5)
        for _ in 0..<2_000 {
            let integer = Int64.random(in: -9_007_199_254_740_992...9_007_199_254_740_992, using: &random)
            let double = Double.random(in: -1e6...1e6, using: &random)
            let metrics = try #require(try decode("sensors/d1", "{\"i\":\(integer),\"d\":\(double)}").first).metrics
            #expect(metrics[0].value == Double(integer))
            #expect(metrics[1].value == double)
        }
    }

    @Test("A cached topic is decoded like a new one, with the current receive time")
    func cacheKeepsNothingOfAMessage() throws {
        var decoder = TelemetryDecoder()
        for second in 0..<3 {
            let now = receivedAt.advanced(by: .seconds(second))
            let reading = try #require(
                try decoder.decode(topic: "sensors/d1", payload: Array("1".utf8), receivedAt: now).first)
            #expect(reading.time == now)
        }
        #expect(decoder.cachedTopicCount == 1)
    }

    @Test("The topic cache is bounded in entries, and long topics are not cached")
    func cacheIsBounded() throws {
        var decoder = TelemetryDecoder()
        let payload = Array("1".utf8)
        for index in 0...TelemetryDecoder.cachedTopicLimit {
            _ = try decoder.decode(topic: "sensors/d\(index)", payload: payload, receivedAt: receivedAt)
        }
        #expect(decoder.cachedTopicCount == 1)
        let routes = [try TopicRoute(pattern: "x/{device}/#")]
        decoder = TelemetryDecoder(routes: routes)
        let long = "x/d1/" + String(repeating: "y", count: 600)
        #expect(try decoder.decode(topic: long, payload: payload, receivedAt: receivedAt).count == 1)
        #expect(decoder.cachedTopicCount == 0)
    }
}
