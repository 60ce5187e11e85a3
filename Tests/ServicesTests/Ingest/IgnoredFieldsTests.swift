import Core
import MQTTTransport
import Storage
import Telemetry
import Testing

@testable import Services

/// Fields that become no metric are counted per device, within limits.
@Suite("Ignored fields")
struct IgnoredFieldsTests {
    private static func report(_ device: String, _ names: [String], room: String = "sensors/a") throws
        -> IgnoredFieldReport
    {
        IgnoredFieldReport(
            device: try #require(DeviceID(device)), room: room, fields: names.map { IgnoredField($0, .string) })
    }

    private static func key(_ device: String, room: String = "sensors/a") -> DeviceKey {
        DeviceKey(room: room, device: device)
    }

    @Test("Fields are counted per device and room")
    func counts() throws {
        let register = IgnoredFields()
        register.record([try Self.report("a", ["mode", "fw"])])
        register.record([try Self.report("a", ["mode"])])
        register.record([try Self.report("a", ["other"], room: "sensors/b")])
        let fields = register.fields(of: Self.key("a"))
        #expect(fields.map(\.name) == ["mode", "fw"])
        #expect(fields.map(\.count) == [2, 1])
        #expect(register.fields(of: Self.key("b")).isEmpty)
        register.removeAll()
        #expect(register.fields(of: Self.key("a")).isEmpty)
    }

    @Test("A device has at most 64 fields, and only the devices that reported last are kept")
    func limits() throws {
        let register = IgnoredFields(maximumDeviceCount: 4)
        for index in 0..<70 { register.record([try Self.report("a", ["f\(index)"])]) }
        #expect(register.fields(of: Self.key("a")).count == 64)
        for device in ["b", "c", "d"] {
            register.record([try Self.report(device, ["x"])])
            register.record([try Self.report("a", ["f0"])])
        }
        register.record([try Self.report("e", ["x"])])
        #expect(register.fields(of: Self.key("a")).first?.count == 4)
        #expect(register.fields(of: Self.key("e")).count == 1)
        #expect(register.fields(of: Self.key("b")).isEmpty)
    }

    @Test("Ingest records the ignored fields of committed messages")
    func ingest() throws {
        let fixture = try IngestFixture()
        let register = IgnoredFields()
        let pipeline = fixture.pipeline(ignoredFields: register)
        try pipeline.accept(
            MQTTBatch(messages: [
                MQTTMessage(topic: "sensors/a", payload: Array(#"{"t":1,"fw":"1.2","l":[1]}"#.utf8)),
                MQTTMessage(topic: "sensors/a", payload: Array(#"{"t":2,"fw":"1.2"}"#.utf8)),
                MQTTMessage(topic: "sensors/a", payload: Array(#"{"fw":"1.2"}"#.utf8)),
            ]))
        let fields = register.fields(of: DeviceKey(room: "sensors/a", device: "a"))
        #expect(fields.map { "\($0.name) \($0.kind.rawValue) \($0.count)" } == ["fw string 2", "l array 1"])
    }

    @Test("A message whose metrics the route drops is neither a reading nor a failure")
    func dropped() throws {
        let fixture = try IngestFixture()
        let route = try TopicRoute(pattern: "sensors/{device}", mapping: PayloadMapping(drops: ["debug"]))
        let pipeline = fixture.pipeline(decoder: TelemetryDecoder(routes: [route]))
        try pipeline.accept(
            MQTTBatch(messages: [
                MQTTMessage(topic: "sensors/a", payload: Array(#"{"debug":1}"#.utf8), qos: .atLeastOnce)
            ]))
        #expect(pipeline.totals == IngestPipeline.Totals(messages: 1))
        #expect(try fixture.database.read { try $0.deadLetters(before: nil, reason: nil, limit: 10) }.isEmpty)
    }
}
