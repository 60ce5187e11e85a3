import Core
import Telemetry
import Testing

@Suite("ESPHome: one topic per value")
struct ESPHomeDecoderTests {
    private func decode(
        _ payload: String, topic: String, device: String? = nil, metric: String? = nil
    ) throws -> [Plain] {
        try ESPHomeDecoder().decode(payload, context(topic: topic, device: device, metric: metric)).map(Plain.init)
    }

    @Test(
        "Node and metric come from the default topic",
        arguments: [
            ("livingroom/sensor/temperature/state", "21.5", "temperature=21.5"),
            ("livingroom/binary_sensor/motion/state", "ON", "motion=1"),
            ("livingroom/switch/relay/state", "OFF", "relay=0"),
            ("home/upstairs/livingroom/sensor/temperature/state", "21.5", "temperature=21.5"),
        ])
    func topics(topic: String, payload: String, metric: String) throws {
        #expect(try decode(payload, topic: topic) == [Plain("livingroom", [metric])])
    }

    @Test("Captures of the route take precedence over the topic")
    func captures() throws {
        #expect(
            try decode("1", topic: "a/sensor/b/state", device: "d1", metric: "m") == [Plain("d1", ["m=1"])])
    }

    @Test("The values of a light's JSON state are named below the light")
    func lights() throws {
        #expect(
            try decode(#"{"state":"ON","brightness":255,"effect":"none"}"#, topic: "lr/light/lamp/state")
                == [Plain("lr", ["lamp.state=1", "lamp.brightness=255"])])
    }

    @Test("`nan`, which a sensor without a value publishes, is an error")
    func notANumber() {
        #expect(throws: DecodeError.notFinite) { try decode("nan", topic: "lr/sensor/t/state") }
    }

    @Test(
        "Status and command topics are not readings", arguments: ["lr/status", "lr/switch/relay/command", "lr/debug"])
    func services(topic: String) {
        #expect(throws: DecodeError.notAReading(topic: topic)) { try decode("ON", topic: topic) }
    }
}
