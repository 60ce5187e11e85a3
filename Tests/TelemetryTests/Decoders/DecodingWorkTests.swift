import Core
import Foundation
import Testing

@testable import Telemetry

/// A kind of payload that can be generated in any size.
struct PayloadShape: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable (_ byteCount: Int) -> [UInt8]

    /// Creates `opening`, then parts until the size is reached, then `closing`.
    init(
        _ name: String, _ opening: String, _ closing: String, separator: String = ",",
        part: @escaping @Sendable (_ index: Int) -> String
    ) {
        testDescription = name
        make = { byteCount in
            var payload = Array(opening.utf8)
            var index = 0
            while payload.count < byteCount - closing.utf8.count {
                if index > 0 { payload += separator.utf8 }
                payload += part(index).utf8
                index += 1
            }
            return payload + closing.utf8
        }
    }

    init(_ name: String, make: @escaping @Sendable (_ byteCount: Int) -> [UInt8]) {
        testDescription = name
        self.make = make
    }

    static let all = objects + arrays + strings + numbers + conventions + lines + uplinks + words

    private static let objects = [
        PayloadShape("one value again and again", "{", "}") { _ in #""value":1"# },
        PayloadShape("a value among texts", #"{"value":1,"#, "}") { #""m\#($0)":"x""# },
        PayloadShape("numbers", "{", "}") { #""m\#($0)":1"# },
        PayloadShape("a few numbers in many objects", #"{"a":["#, "]}") { _ in #"{"a":1,"b":2}"# },
        PayloadShape("names that nothing cheap tells apart", "{", "}") { #""n\#(100_000 + $0)n":"x""# },
        PayloadShape("objects of objects", "{", "}") { #""m\#($0)":{"x":{"y":{}}}"# },
        PayloadShape("values with units", "{", "}") { #""m\#($0 % 4000)":{"value":1,"unit":"°C","x":"y"}"# },
        PayloadShape(
            "a wide object far below", String(repeating: #"{"a":"#, count: 30) + "{", String(repeating: "}", count: 31)
        ) {
            #""m\#($0)":"x""#
        },
        PayloadShape(
            "many narrow objects far below", String(repeating: #"{"a":"#, count: 29) + "{",
            String(repeating: "}", count: 30)
        ) {
            #""m\#($0)":{"a":"x"}"#
        },
        PayloadShape("members of values", #"{"ts":1714564800,"values":{"#, "}}") { #""m\#($0)":1"# },
        PayloadShape("white space", "{", "}", separator: "") { _ in " \n\t\r" },
    ]

    private static let arrays = [
        PayloadShape("empty arrays", #"{"a":["#, "]}") { _ in "[]" },
        PayloadShape("empty objects", "[", "]") { _ in "{}" },
        PayloadShape("readings", "[", "]") { _ in #"{"a":1}"# },
        PayloadShape("readings of a value", "[", "]") { _ in #"{"value":1,"unit":"F","name":"n"}"# },
        PayloadShape("timed readings", "[", "]") { #"{"ts":\#(1_714_564_800_000 + $0),"values":{"t":1}}"# },
        PayloadShape("twice-written letters in many objects", "[", "]") { index in
            let letters = (0..<12).map { index >> $0 & 1 == 0 ? "\u{E9}" : "e\u{301}" }.joined()
            return "{\"\(letters)a\":1,\"\(letters)b\":1,\"e\u{301}\(letters)a\":1,\"\u{E9}\(letters)a\":1}"
        },
        PayloadShape("arrays in arrays", "[", "]") { _ in "[[[[[[[[]]]]]]]]" },
    ]

    private static let strings = [
        PayloadShape("a long string", #"{"a":""#, #""}"#, separator: "") { _ in "abcdefgh" },
        PayloadShape("escapes", #"{"a":""#, #""}"#, separator: "") { _ in #"\n\""# },
        PayloadShape("Unicode escapes", #"{"a":""#, #""}"#, separator: "") { _ in #"\u00e9\ud83c\udf21"# },
        PayloadShape("a long name of escapes", #"{""#, #"":1}"#, separator: "") { _ in #"\u0061x"# },
        PayloadShape("a name of marks", #"[{"a"#, #"":1}]"#, separator: "") { $0 % 2 == 0 ? "\u{301}" : "\u{316}" },
        PayloadShape("a unit of marks", #"{"A":{"Temperature":[1,2,3]},"TempUnit":"a"#, #""}"#, separator: "") {
            $0 % 2 == 0 ? "\u{301}" : "\u{316}"
        },
        PayloadShape("names of marks", "{", "}") { "\"\($0)a\(String(repeating: "\u{316}\u{301}", count: 30))\":1" },
        PayloadShape("a string of flags", #"{"a":""#, #""}"#, separator: "") { _ in "\u{1F1E6}" },
        PayloadShape("a long device", #"{"t":1,"device":""#, #""}"#, separator: "") { _ in "d" },
        PayloadShape("a long time", #"{"t":1,"ts":""#, #""}"#, separator: "") { _ in "1" },
        PayloadShape("a long trace", #"{"t":1,"traceparent":"00-"#, #""}"#, separator: "") { _ in "0" },
        PayloadShape("a long unit", #"{"a":{"value":1,"unit":""#, #""}}"#, separator: "") { _ in "F" },
    ]

    private static let numbers = [
        PayloadShape("a number of many digits", #"{"a":"#, "}", separator: "") { _ in "12345678" },
        PayloadShape("a number of many decimals", #"{"a":0."#, "1}", separator: "") { _ in "00000000" },
        PayloadShape("a number with a long exponent", #"{"a":1e"#, "}", separator: "") { _ in "99999999" },
        PayloadShape("a number with a small long exponent", #"{"a":1e-"#, "1}", separator: "") { _ in "00000000" },
        PayloadShape("numbers of many digits", #"{"a":["#, "]}") { _ in "1.2345678901234567890123456789e-30" },
        PayloadShape("numbers near the least double", #"{"a":["#, "]}") { _ in "2.4703282292062327208e-324" },
        PayloadShape("digits alone", "", "", separator: "") { _ in "12345678" },
        PayloadShape("signs alone", "", "", separator: "") { _ in "+-+-.e" },
    ]

    private static let conventions = [
        PayloadShape("SenML with many base names", "[", "]") { #"{"bn":"d1:\#($0):","n":"a","v":1}"# },
        PayloadShape("SenML with many devices", "[", "]") { #"{"bn":"d\#($0)/","n":"a","v":1}"# },
        PayloadShape(
            "SenML with a long base name", #"[{"bn":"\#(String(repeating: "d", count: 127))/","n":"a","v":1},"#, "]"
        ) {
            #"{"n":"m\#($0 % 100)","v":1}"#
        },
        PayloadShape(
            "SenML with a base name of marks",
            "[{\"bn\":\"d\(String(repeating: "\u{316}\u{301}", count: 30))/\",\"n\":\"a\",\"v\":1},", "]"
        ) { #"{"n":"m","v":1,"t":\#(-($0 % 1000))}"# },
        PayloadShape("SenML with many times", "[", "]") { #"{"n":"a","v":1,"t":\#(-($0 % 4000))}"# },
        PayloadShape("SenML with sums", #"[{"bu":"W","n":"a","s":1},"#, "]") { _ in #"{"n":"a","s":1}"# },
        PayloadShape("SenML with a long unit of many sums") { byteCount in
            let unit = String(repeating: "u", count: byteCount / 2)
            let records = String(repeating: #",{"n":"a","s":1}"#, count: byteCount / 32)
            return Array(#"[{"bu":"\#(unit)","n":"a","s":1}\#(records)]"#.utf8)
        },
        PayloadShape("SenML with names of many parts", "[", "]") {
            #"{"bn":"\#(String(repeating: "a:", count: 60))","n":"b/\#($0 % 100)","v":1}"#
        },
        PayloadShape("a gateway's devices", "{", "}") { #""d\#($0)":[{"t":1}]"# },
        PayloadShape("a gateway's devices without values", "{", "}") { #""d\#($0)":[{}]"# },
        PayloadShape("a device's times", #"{"d1":["#, "]}") { #"{"ts":\#(1_714_564_800_000 + $0),"values":{"t":1}}"# },
        PayloadShape("sensors", #"{"Time":"2024-05-01T12:00:00","#, "}") { #""S\#($0)":{"Temperature":1}"# },
        PayloadShape("sensors without values", #"{"Time":"2024-05-01T12:00:00","#, "}") { #""S\#($0)":{"Id":"x"}"# },
        PayloadShape("a sensor's texts", #"{"Time":"2024-05-01T12:00:00","A":{"#, "}}") { #""S\#($0)":"x""# },
        PayloadShape("phases", #"{"Time":"2024-05-01T12:00:00","ENERGY":{"Power":["#, "]}}") { _ in "null" },
        PayloadShape("texts beside a sensor", #"{"Time":"2024-05-01T12:00:00","A":{"B":1},"#, "}") {
            #""SensorName\#($0)":"x""#
        },
        PayloadShape("a long name beside a sensor", #"{"Time":"x","A":{"B":1},"N"#, #"":"ON"}"#, separator: "") { _ in
            "aN"
        },
        PayloadShape(
            "a long unit of temperatures", #"{"A":{"Temperature":[1,2,3]},"TempUnit":""#, #""}"#, separator: ""
        ) { _ in
            "F"
        },
    ]

    private static let lines = [
        PayloadShape("lines", "", "", separator: "\n") { "w,a=b t=\($0) 1714564800000000000" },
        PayloadShape("fields of a line", "w ", "") { "f\($0)=1" },
        PayloadShape("tags of a line", "w", " t=1", separator: "") { ",a\($0)=b" },
        PayloadShape(
            "a long measurement", "m", " \((0..<200).map { "f\($0)=1" }.joined(separator: ","))", separator: ""
        ) { _ in
            "m"
        },
        PayloadShape("escapes in a line", "w", " t=1", separator: "") { _ in #"\ \,"# },
        PayloadShape("a string in a line", #"w t=""#, #"",n=1"#, separator: "") { _ in #"\""# },
        PayloadShape("comments", "", "\nw t=1", separator: "\n") { _ in "# a=1" },
    ]

    private static let uplinks = [
        PayloadShape("components", #"{"method":"NotifyStatus","params":{"#, "}}") {
            #""switch:\#($0)":{"id":0,"apower":1}"#
        },
        PayloadShape("a component's members", #"{"method":"NotifyStatus","params":{"switch:0":{"#, "}}}") {
            #""m\#($0)":"x""#
        },
        PayloadShape(
            "gateways", #"{"end_device_ids":{},"uplink_message":{"decoded_payload":{"t":1},"rx_metadata":["#, "]}}"
        ) { #"{"rssi":-\#($0),"snr":2}"# },
        PayloadShape("gateways of ChirpStack", #"{"deviceInfo":{},"object":{"t":1},"rxInfo":["#, "]}") {
            #"{"rssi":\#($0),"snr":2}"#
        },
        PayloadShape("a location's members", #"{"_type":"location","lat":1,"#, "}") { #""m\#($0)":1"# },
    ]

    private static let words = [
        PayloadShape("spaces and a word", "", "ON", separator: "") { _ in "  \r\n" },
        PayloadShape("a word and spaces", "ON", "", separator: "") { _ in "  \r\n" },
        PayloadShape("letters", "", "", separator: "") { _ in "onÉ" },
        PayloadShape("marks and spaces", "a", " \u{301}", separator: "") { _ in "\u{301}" },
        PayloadShape("flags and spaces", "", " ", separator: "") { _ in "\u{1F1E6}" },
    ]
}

/// Measures decoding by the thread's CPU time, which excludes time given to other threads.
private enum Work {
    /// The largest allowed growth for eight times the bytes. Linear work grows by 8, quadratic work by 64.
    static let limit: Double = 24

    /// Returns the smallest measured ratio between the times for a large payload and one of an eighth of its size.
    static func growth(_ body: (_ byteCount: Int) -> Void, small: Int = 4 * 1024) -> Double {
        var best = Double.infinity
        // Stop at the first good measurement: noise only increases the ratio.
        for _ in 0..<12 where best >= limit {
            let pair = [small, small * 8].map { byteCount in time { body(byteCount) } }
            best = min(best, pair[1] / max(pair[0], 2e-5))
        }
        return best
    }

    private static func time(_ body: () -> Void) -> Double {
        let start = now()
        body()
        return now() - start
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

@Suite("The CPU time of decoding is proportional to the payload's bytes")
struct DecodingWorkTests {
    @Test("Payloads of every shape, decoded by every convention", arguments: PayloadShape.all)
    func payloads(shape: PayloadShape) {
        for convention in PayloadConvention.allCases {
            let decoder = convention.decoder
            for namesOwnDevice in convention == .senml || convention == .thingsboard ? [false, true] : [false] {
                let context = context(convertsFahrenheit: true, allowsForeignDevices: !namesOwnDevice)
                let payloads = Lock<[Int: [UInt8]]>([:])
                let growth = Work.growth { byteCount in
                    let payload = payloads.withLock { made in
                        let payload = made[byteCount] ?? shape.make(byteCount)
                        made[byteCount] = payload
                        return payload
                    }
                    _ = try? decoder.decode(payload, context: context)
                }
                #expect(
                    growth < Work.limit, "\(convention.rawValue) took \(growth) times as long for 8 times the bytes")
            }
        }
    }

    @Test("Payloads of every shape, on routes with a mapping", arguments: PayloadShape.all)
    func mapped(shape: PayloadShape) throws {
        var each = PayloadMapping.Paths()
        each.each = try PayloadPath("a")
        var values = PayloadMapping.Paths()
        values.values = try PayloadPath("$")
        let picks = try (0..<20).map { MappedMetric("p\($0)", at: try PayloadPath($0 == 0 ? "$" : "m\($0)")) }
        let renames = (0..<20).map { MetricRename("m\($0)", to: "n\($0)") }
        let states = MetricStates([.init("x", 1)])
        for mapping in [
            PayloadMapping(paths: each, metrics: picks, states: states), PayloadMapping(metrics: picks, states: states),
            PayloadMapping(paths: values, renames: renames, drops: ["a"], states: states),
        ] {
            let decoder = try #require(mapping.decoder)
            var context = context(allowsForeignDevices: true)
            context.rules = mapping.rules
            let growth = Work.growth { [context] in _ = try? decoder.decode(shape.make($0), context: context) }
            #expect(growth < Work.limit, "took \(growth) times as long for 8 times the bytes")
        }
    }

    @Test("Status payloads of every shape", arguments: PayloadShape.all)
    func statuses(shape: PayloadShape) {
        let growth = Work.growth { _ = try? StatusPayload.isOnline(shape.make($0), limits: DecodingLimits()) }
        #expect(growth < Work.limit)
    }

    @Test(
        "Topics of every shape",
        arguments: [
            PayloadShape("levels", "sensors", "", separator: "") { _ in "/x" },
            PayloadShape("a long metric", "sensors/d1/", "", separator: "") { _ in "m" },
            PayloadShape("marks", "sensors/d1/", "", separator: "") { $0 % 2 == 0 ? "\u{301}" : "\u{316}" },
            PayloadShape("a level of marks", "sensors/d1/", "/telemetry", separator: "") {
                $0 % 2 == 0 ? "\u{301}" : "\u{316}"
            },
            PayloadShape("a last level of marks", "devices/d1/", "", separator: "") {
                $0 % 2 == 0 ? "\u{301}" : "\u{316}"
            },
            PayloadShape("a component's state", "", "/sensor/x/state", separator: "") { _ in "a/" },
            PayloadShape("a component of a long name", "a/sensor/", "/state", separator: "") { _ in "x" },
            PayloadShape("a clock's request", "windsock/clock/", "/request", separator: "") { _ in "\u{1F1E6}" },
        ])
    func topics(shape: PayloadShape) throws {
        let routes = TopicRoute.defaults + [try TopicRoute(pattern: "+/+/+/state"), try TopicRoute(pattern: "#")]
        let payload = Array(("{" + (0..<50).map { #""m\#($0)":"x""# }.joined(separator: ",") + "}").utf8)
        var decoder = TelemetryDecoder(routes: routes)
        let growth = Work.growth { byteCount in
            let topic = String(decoding: shape.make(byteCount), as: UTF8.self)
            _ = try? decoder.decodeMessage(topic: topic, payload: payload, receivedAt: receivedAt)
            _ = ClockTopics.device(requestingOn: topic)
        }
        #expect(growth < Work.limit)
    }
}
