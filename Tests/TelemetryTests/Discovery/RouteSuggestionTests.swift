import Core
import Telemetry
import Testing

/// A suggested route takes the topics of its pattern and makes readings of the sample; otherwise there is a reason.
@Suite("Suggested routes")
struct RouteSuggestionTests {
    struct Row: CustomTestStringConvertible {
        let topics: [String]
        let payload: String
        /// `nil` when no route helps.
        let route: String?
        /// The reading of the sample, or a part of the reason.
        let result: String
        var testDescription: String { topics.first ?? "" }
    }

    private static let rows: [Row] = [
        Row(
            topics: ["home/kitchen/temp", "home/bath/temp"], payload: "21.5", route: "home/{device}/{metric}",
            result: "temp 21.5"),
        Row(topics: ["kitchen/temp"], payload: "ON", route: "{device}/{metric}", result: "kitchen temp 1"),
        Row(
            topics: ["home/kitchen/temperature/state"], payload: "21.5", route: "home/{device}/{metric}/state",
            result: "kitchen temperature 21.5"),
        Row(
            topics: ["node/sensor/heat/state"], payload: "21.5", route: "{device}/sensor/{metric}/state",
            result: "node heat 21.5"),
        Row(topics: ["garden/weather"], payload: #"{"t":3}"#, route: "garden/{device}", result: "weather t 3"),
        Row(
            topics: ["v3/app@ttn/devices/eui-1/up"],
            payload: #"{"end_device_ids":{"device_id":"eui-1"},"uplink_message":{"decoded_payload":{"t":3}}}"#,
            route: "v3/app@ttn/devices/{device}/up", result: "eui-1 t 3"),
        Row(
            topics: ["house/tele/plug/SENSOR"],
            payload: #"{"Time":"2026-01-31T12:00:00","SI7021":{"Temperature":20.5}}"#,
            route: "house/tele/{device}/SENSOR", result: "plug"),
        Row(
            topics: ["z/devices/a/data", "z/devices/b/data"], payload: #"{"t":3}"#, route: "z/devices/{device}/data",
            result: "t 3"),
        Row(topics: ["x/hello"], payload: "hello", route: nil, result: "no number"),
        Row(topics: ["lamp/set"], payload: "1", route: nil, result: "carries no reading"),
        Row(topics: ["cmnd/plug/POWER"], payload: "ON", route: nil, result: "carries no reading"),
        Row(topics: ["odd/{x}/y"], payload: "1", route: "odd/{device}/{metric}", result: "{x} y 1"),
    ]

    @Test("The route captures device and metric, and reads the sample", arguments: rows)
    func suggestion(row: Row) throws {
        let report = Self.report(row.topics.map { ($0, Array(row.payload.utf8)) })
        let entry = try #require(report.entries.first)
        if let route = row.route, let suggestion = entry.suggestion {
            #expect(suggestion.route.pattern == route)
            #expect(suggestion.yaml == "- topic: \"\(route)\"")
            let reading = suggestion.readings[0]
            #expect("\(reading.device) \(reading.metrics.map(\.text).joined())".contains(row.result))
            for topic in row.topics { #expect(suggestion.route.captures(in: topic) != nil) }
        } else {
            #expect(entry.suggestion == nil)
            #expect(entry.problem?.contains(row.result) == true, "\(entry.problem ?? "")")
        }
    }

    @Test("A route that ignores a variable level warns about devices of the same name")
    func note() throws {
        let topics = ["site/a/machine/1/temp", "site/b/machine/1/temp", "site/a/machine/2/temp"]
        let entry = try #require(Self.report(topics.map { ($0, Array("1".utf8)) }).entries.first)
        #expect(entry.suggestion?.route.pattern == "site/+/machine/{device}/{metric}")
        #expect(entry.suggestion?.note?.contains("become one device") == true)
        #expect(Self.report([("home/a/t", Array("1".utf8))]).entries.first?.suggestion?.note == nil)
    }

    @Test("Every convention is tried with the suggested device and metric")
    func conventions() throws {
        let entry = try #require(Self.report([("home/kitchen/temp", Array("21.5".utf8))]).entries.first)
        #expect(entry.trials.map(\.convention) == PayloadConvention.allCases)
        let bare = try #require(entry.trials.first { $0.convention == .bare })
        #expect(bare.isAccepted && bare.text == "kitchen temp 21.5")
        let senml = try #require(entry.trials.first { $0.convention == .senml })
        #expect(!senml.isAccepted && senml.text.hasPrefix("no: "))
    }

    @Test("Of a payload whose beginning alone was kept, no convention is tried")
    func cutPayload() throws {
        let payload = Array(("[" + String(repeating: "1,", count: 10_000) + "1]").utf8)
        let entry = try #require(Self.report([("a/b", payload)]).entries.first)
        #expect(entry.trials.isEmpty && entry.suggestion == nil)
        #expect(entry.problem == "only 8192 of the payload's \(payload.count) bytes were kept")
    }

    @Test("The report's size is bounded, and its JSON is valid for hostile topics and payloads")
    func hostile() throws {
        var messages: [(String, [UInt8])] = []
        for length in 1...16 {
            for first in ["a", "b", "\u{7F}\"\\", "e\u{301}", "{x}", "$a", "ü"] {
                for last in ["b", "c/d", "e/f/g", "h/i/j/k", "l/m/n/o/p"] {
                    let topic = Array(repeating: first, count: length).joined(separator: "/") + "/\(last)"
                    messages.append((topic, [0xFF, UInt8(length)]))
                }
            }
        }
        let report = Self.report(messages)
        #expect(report.patternCount > TopicReport.maxEntries && report.entries.count == TopicReport.maxEntries)
        var body = JSONObjectBuilder()
        report.add(to: &body)
        let bytes = body.finished()
        #expect(bytes.count < 2 << 20)
        #expect(try JSONParser.parse(bytes)["patterns"]?.arrayValue?.count == TopicReport.maxEntries)
    }

    @Test("The topic for a first reading fits the route")
    func firstTopic() throws {
        #expect(TopicRoute.defaults.first?.firstTopic == "sensors/{device}/{metric}")
        #expect(try TopicRoute(pattern: "$share/g/a/{device}/data").firstTopic == "a/{device}/data")
        #expect(try TopicRoute(pattern: "a/{device}", convention: .bare).firstTopic == nil)
        #expect(try TopicRoute(pattern: "a/{device}", convention: .senml).firstTopic == nil)
        #expect(try TopicRoute(pattern: "{site}/{device}", room: "s/{device}").firstTopic == nil)
        #expect(try TopicRoute(pattern: "a/+/{device}").firstTopic == nil)
        var paths = PayloadMapping.Paths()
        paths.value = try PayloadPath("d.v")
        #expect(try TopicRoute(pattern: "a/{device}", mapping: PayloadMapping(paths: paths)).firstTopic == nil)
        let renames = PayloadMapping(drops: ["x"])
        #expect(try TopicRoute(pattern: "a/{device}", mapping: renames).firstTopic == "a/{device}")
    }

    private static func report(_ messages: [(String, [UInt8])]) -> TopicReport {
        var sampler = Sampling.empty()
        for (topic, payload) in messages {
            sampler.add(topic: topic, payload: payload, isRetained: false, at: Sampling.time(1))
        }
        return TopicReport(sampler, at: Sampling.time(2), limits: DecodingLimits())
    }
}
