import Core
import Telemetry
import Testing

@Suite("Value templates of Home Assistant")
struct ValueTemplateTests {
    private static func render(_ template: String, _ payload: String) throws -> JSONValue? {
        let template = try #require(ValueTemplate(template))
        return template.value(in: payload, json: try? JSONParser.parse(Array(payload.utf8)))
    }

    @Test(
        "Understood forms find the value",
        arguments: [
            ("{{ value }}", "21.5", JSONValue.string("21.5")),
            ("{{value}}", "ON", .string("ON")),
            ("{{ value | float }}", "21.5", .number(21.5)),
            ("{{ value_json.temperature}}", #"{"temperature":21.5}"#, .number(21.5)),
            ("{{ value_json.a.b }}", #"{"a":{"b":true}}"#, .bool(true)),
            ("{{ value_json['a'][\"b\"] }}", #"{"a":{"b":"x"}}"#, .string("x")),
            ("{{ value_json['AM2301'].Temperature }}", #"{"AM2301":{"Temperature":25.5}}"#, .number(25.5)),
            ("{{ value_json.list[1] }}", #"{"list":[1,2]}"#, .number(2)),
            ("{{ value_json }}", "7", .number(7)),
            ("{{ value_json.a | int }}", #"{"a":"-21.7"}"#, .number(-21)),
            ("{{ value_json.a|float|round(1) }}", #"{"a":21.456}"#, .number(21.5)),
            ("{{ value_json.a | round }}", #"{"a":2.5}"#, .number(2)),
        ])
    func understood(template: String, payload: String, expected: JSONValue) throws {
        #expect(try Self.render(template, payload) == expected)
    }

    @Test(
        "A message without the value gives none, and not a default",
        arguments: [
            ("{{ value_json.a }}", #"{"b":1}"#), ("{{ value_json.a }}", "no json"),
            ("{{ value_json.a[3] }}", #"{"a":[1]}"#),
            ("{{ value | float }}", "unknown"), ("{{ value_json.a.b }}", #"{"a":1}"#),
            ("{{ value_json.a | int }}", #"{"a":null}"#),
        ])
    func missing(template: String, payload: String) throws {
        #expect(try Self.render(template, payload) == nil)
    }

    @Test(
        "Other templates are refused",
        arguments: [
            "", "value", "{{ value", "{{ value }} %", "{{ value_json.a * 10 }}", "{{ value.split(',')[0] }}",
            "{% if value_json.a %}1{% endif %}", "{{ value_json.a | float(0) }}", "{{ value_json.a | default(0) }}",
            "{{ value_json.a | round(1, 'floor') }}", "{{ states('sensor.x') }}", "{{ value_json. }}",
            "{{ value_json['a }}", "{{ value_json[-1] }}", "{{ value_json.a }}{{ value }}", "{{ value_jsonx }}",
            "{{ value_json.a | round(99) }}", "{{ value_json" + String(repeating: ".a", count: 100) + " }}",
            "{{ value }}" + String(repeating: " ", count: 600),
        ])
    func refused(template: String) {
        #expect(ValueTemplate(template) == nil)
    }
}
