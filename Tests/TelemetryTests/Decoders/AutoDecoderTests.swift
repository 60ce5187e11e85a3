import Core
import Telemetry
import Testing

@Suite("Detection of the payload convention by topic and shape")
struct AutoDecoderTests {
    @Test(
        "Each convention is recognised",
        arguments: [
            ("sensors/d1", #"{"temperature":21.5}"#, ["d1 temperature=21.5"]),
            ("sensors/d1", "21.5", ["d1 value=21.5"]),
            ("sensors/d1", " \n[{\"n\":\"t\",\"u\":\"Cel\",\"v\":1}]", ["d1 t=1 °C"]),
            ("sensors/d1", #"[{"bn":"d1:"},{"n":"t","v":1}]"#, ["d1 t=1"]),
            ("sensors/d1", #"[{"ts":1,"values":{"t":1}},{"t":2}]"#, ["d1 t=1", "d1 t=2"]),
            ("sensors/d1", #"{"d1":[{"ts":1,"values":{"t":1}},{"values":{"t":2}}]}"#, ["d1 t=1", "d1 t=2"]),
            ("gw", #"{"A":[{"ts":1,"values":{"t":1}}],"B":[{"values":{"t":2}}]}"#, ["A t=1", "B t=2"]),
            (
                "sensors/d1", #"{"Time":"2024-05-01T12:00:00","BME280":{"Temperature":1},"TempUnit":"C"}"#,
                ["d1 temperature=1 °C"]
            ),
            ("tele/d1/SENSOR", #"{"Switch1":"ON"}"#, ["d1 Switch1=1"]),
            ("tele/d1/STATE", #"{"POWER":"ON"}"#, ["d1 POWER=1"]),
            ("zigbee2mqtt/d1", #"{"contact":true,"battery":50}"#, ["d1 contact=1 battery=50 %"]),
            ("v1/gateway/telemetry", #"{"A":[{"t":1}]}"#, ["A t=1"]),
            ("v1/devices/me/telemetry", #"{"value":1,"unit":"x"}"#, ["d1 value=1"]),
            ("node/sensor/x/state", "ON", ["d1 x=1"]),
            ("shellies/d1/relay/0/power", "5", ["d1 relay.0.power=5 W"]),
            ("home/d1/status/temperature:100", #"{"id":100,"tC":4.5}"#, ["d1 temperature:100.tC=4.5 °C"]),
            ("sensors/d1", #"{"method":"NotifyStatus","params":{"wifi":{"rssi":-50}}}"#, ["d1 wifi.rssi=-50 dBm"]),
            ("owntracks/u/d1", #"{"_type":"location","batt":5}"#, ["d1 batt=5 %"]),
            ("sensors/d1", #"{"method":"poll","params":{"a":1},"_type":"x"}"#, ["d1 params.a=1"]),
            ("homeassistant/sensor/d1/state", #"{"t":1}"#, ["d1 t=1"]),
            ("sensors/d1", "m,k=v t=1", ["d1 m.v.t=1"]),
            ("sensors/d1", "ON", ["d1 value=1"]),
        ])
    func finds(topic: String, payload: String, expected: [String]) throws {
        let namesDevice = topic != "gw" && topic != "v1/gateway/telemetry"
        let readings = try AutoDecoder().decode(payload, context(topic: topic, device: namesDevice ? "d1" : nil))
        #expect(readings.map(Plain.init).map { "\($0.device) \($0.metrics.joined(separator: " "))" } == expected)
    }

    @Test("Every convention has its decoder", arguments: PayloadConvention.allCases)
    func conventions(convention: PayloadConvention) {
        #expect(convention.decoder.convention == convention)
    }
}
