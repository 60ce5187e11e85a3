import Core
import Telemetry
import Testing

@Suite("Influx line protocol")
struct InfluxDecoderTests {
    private func decode(_ payload: String, device: String? = "d1", allowsForeignDevices: Bool = false) throws -> [Plain]
    {
        try InfluxDecoder().decode(
            payload, context(device: device, allowsForeignDevices: allowsForeignDevices)
        ).map(Plain.init)
    }

    // Source: docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol.
    @Test(
        "A line gives the fields that are numbers or Booleans",
        arguments: [
            ("weather,location=us-midwest temperature=82", ["weather.us-midwest.temperature=82"]),
            (
                "myMeasurement fieldKey=1.0,other=2i,more=3u",
                ["myMeasurement.fieldKey=1", "myMeasurement.other=2", "myMeasurement.more=3"]
            ),
            ("m a=-1.234456e+78,b=12485903i", ["m.a=-1.234456e+78", "m.b=12485903"]),
            ("m a=true,b=TRUE,c=t,d=f,e=False", ["m.a=1", "m.b=1", "m.c=1", "m.d=0", "m.e=0"]),
            (#"m text="this, is = a string with \"quotes\"",n=1"#, ["m.n=1"]),
            (#"my\ Measurement,tag\ Key=tag\,Value fieldKey=100"#, ["my Measurement.tag,Value.fieldKey=100"]),
            (#"m key\=a=1,back\slash=2"#, ["m.key=a=1", #"m.back\slash=2"#]),
            ("temperature,room=attic value=21.5", ["temperature.attic=21.5"]),
            ("m a=1,a=2", ["m.a=2"]),
        ])
    func fields(line: String, metrics: [String]) throws {
        #expect(try decode(line) == [Plain("d1", metrics)])
    }

    @Test(
        "Timestamps are nanoseconds; coarser ones are recognised",
        arguments: [
            "1714564800123456789", "1714564800123456", "1714564800123", "  1714564800123  ",
        ])
    func timestamps(time: String) throws {
        #expect(try decode("m a=1 \(time)").first?.time == "2024-05-01T12:00:00.123Z")
        let reading = try #require(try InfluxDecoder().decode("m a=1 1714564800123456789", context()).first)
        #expect(reading.deviceTime?.nanosecondsSinceEpoch == 1_714_564_800_123_456_789)
    }

    @Test("Each line is a reading; comments and empty lines are skipped, as are lines of texts alone")
    func lines() throws {
        let payload = "# comment a=1\r\n\n  m a=1 1714564800000000000\r\nm,t=x a=2\nlog text=\"a\nb\"\nm b=3"
        #expect(
            try decode(payload) == [
                Plain("d1", ["m.a=1"], at: "2024-05-01T12:00:00.000Z"), Plain("d1", ["m.x.a=2"]),
                Plain("d1", ["m.b=3"]),
            ])
    }

    @Test("The tags device and host name the device if the topic does not")
    func devices() throws {
        #expect(try decode("m,device=d2,host=h,k=v a=1", device: nil) == [Plain("d2", ["m.v.a=1"])])
        #expect(try decode("cpu,cpu=cpu0,host=h a=1", device: nil) == [Plain("h", ["cpu.cpu0.a=1"])])
        #expect(try decode("cpu,host=d1 a=1") == [Plain("d1", ["cpu.a=1"])])
        #expect(try decode("cpu,host=other a=1") == [Plain("d1", ["cpu.other.a=1"])])
        #expect(try decode("m,device=d2 a=1", allowsForeignDevices: true) == [Plain("d2", ["m.a=1"])])
        #expect(throws: DecodeError.foreignDevice("d2", topicDevice: "d1")) { try decode("m,device=d2 a=1") }
        #expect(throws: DecodeError.badDevice("a/b")) { try decode("m,device=a/b a=1", device: nil) }
        #expect(throws: DecodeError.badDevice(nil)) { try decode("m a=1", device: nil) }
    }

    @Test(
        "Text that is no line protocol is an error",
        arguments: [
            ("m", "wrong_type"), ("m a", "wrong_type"), ("m a=", "wrong_type"), ("m =1", "wrong_type"),
            (",t=x a=1", "wrong_type"), ("m,t a=1", "wrong_type"), ("m,t= a=1", "wrong_type"),
            ("m a=1,", "wrong_type"), ("m a=1 5 5", "wrong_type"), ("m a=1 soon", "bad_time"),
            ("m a=\"x", "wrong_type"),
            ("m a=NaN", "wrong_type"), ("m a=1e999", "not_finite"), ("m a=99999999999999999999i", "wrong_type"),
            ("m a=1 99999999999999999999", "bad_time"), ("m a=\"x\"", "no_number"), ("# nothing", "no_number"),
            ("m a=1\nm", "wrong_type"),
        ])
    func refuses(payload: String, reason: String) {
        #expect { try decode(payload) } throws: { ($0 as? DecodeError)?.reason == reason }
    }

    @Test("Names and lines are bounded")
    func bounds() {
        let name = String(repeating: "n", count: 129)
        for line in ["\(name) a=1", "m,t=\(name) a=1", "m \(name)=1"] {
            #expect { try decode(line) } throws: { ($0 as? DecodeError)?.reason == "bad_metric" }
        }
        let lines = Array(repeating: "m a=1", count: 4_097).joined(separator: "\n")
        #expect(throws: DecodeError.tooManyReadings(limit: 4_096)) { try decode(lines) }
        let fields = (0...256).map { "f\($0)=1" }.joined(separator: ",")
        #expect(throws: DecodeError.tooManyMetrics(limit: 256)) { try decode("m \(fields)") }
    }

    @Test("A route without a convention recognises line protocol, but no other text")
    func shape() throws {
        #expect(
            try AutoDecoder().decode("weather t=1 1714564800000000000", context()).map(Plain.init)[0].metrics == [
                "weather.t=1"
            ])
        #expect(throws: DecodeError.noNumber) { try AutoDecoder().decode("a=1", context()) }
    }
}
