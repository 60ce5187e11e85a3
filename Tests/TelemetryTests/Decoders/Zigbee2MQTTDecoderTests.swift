import Core
import Telemetry
import Testing

@Suite("Zigbee2MQTT: device states")
struct Zigbee2MQTTDecoderTests {
    private func decode(
        _ payload: String, topic: String = "zigbee2mqtt/d1", device: String? = "d1", metric: String? = nil
    ) throws -> [Plain] {
        try Zigbee2MQTTDecoder().decode(payload, context(topic: topic, device: device, metric: metric)).map(Plain.init)
    }

    @Test(
        "The documented states are decoded",
        arguments: [
            (#"{"temperature":27.34,"humidity":44.72}"#, ["temperature=27.34 °C", "humidity=44.72 %"]),
            (
                #"{"temperature":22.75,"linkquality":97,"humidity":55.43,"pressure":1000.6,"battery":86,"voltage":2995}"#,
                [
                    "temperature=22.75 °C", "linkquality=97 lqi", "humidity=55.43 %", "pressure=1000.6 hPa",
                    "battery=86 %", "voltage=2995",
                ]
            ),
            (#"{"occupancy":true,"contact":false,"water_leak":false}"#, ["occupancy=1", "contact=0", "water_leak=0"]),
            (
                #"{"state":"ON","brightness":215,"color_temp":325,"color_mode":"xy"}"#,
                ["state=1", "brightness=215", "color_temp=325"]
            ),
            (
                #"{"state_left":"OFF","power":12.5,"current":0.05,"energy":1.2}"#,
                ["state_left=0", "power=12.5 W", "current=0.05 A", "energy=1.2 kWh"]
            ),
            (
                #"{"color":{"x":0.4,"y":0.5},"update":{"installed_version":1},"device":{"networkAddress":3}}"#,
                ["color.x=0.4", "color.y=0.5"]
            ),
        ])
    func states(payload: String, metrics: [String]) throws {
        #expect(try decode(payload) == [Plain("d1", metrics)])
    }

    @Test(
        "`last_seen` is the time of the reading",
        arguments: [
            #"{"battery":1,"last_seen":"2024-05-01T12:00:00.000Z"}"#,
            #"{"battery":1,"last_seen":"2024-05-01T14:00:00+02:00"}"#,
            #"{"battery":1,"last_seen":1714564800000}"#,
        ])
    func lastSeen(payload: String) throws {
        #expect(try decode(payload) == [Plain("d1", ["battery=1 %"], at: "2024-05-01T12:00:00.000Z")])
    }

    @Test("A topic of a single attribute carries a bare value")
    func attributes() throws {
        #expect(
            try decode("21.5", topic: "zigbee2mqtt/d1/temperature", metric: "temperature") == [
                Plain("d1", ["temperature=21.5"])
            ])
    }

    // Source: zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html.
    @Test("A friendly name of several levels is a device")
    func levels() throws {
        let payload = #"{"state":"ON","brightness":215,"color_temp":325}"#
        let metrics = ["state=1", "brightness=215", "color_temp=325"]
        #expect(
            try decode(payload, topic: "zigbee2mqtt/kitchen/floor_light", device: nil)
                == [Plain("kitchen:floor_light", metrics)])
        #expect(
            try decode("21.5", topic: "zigbee2mqtt/kitchen/climate/temperature", device: nil)
                == [Plain("kitchen:climate", ["temperature=21.5"])])
        var decoder = TelemetryDecoder(routes: [
            try TopicRoute(pattern: "home/{site}/zigbee/#", convention: .zigbee2mqtt, room: "rooms/{device}")
        ])
        let reading = try #require(
            try decoder.decode(
                topic: "home/north/zigbee/kitchen/floor_light", payload: Array(payload.utf8), receivedAt: receivedAt
            ).first)
        #expect(reading.room == "rooms/kitchen:floor_light")
        for name in ["a+b", "a\u{1}", String(repeating: "n", count: 129)] {
            #expect(throws: DecodeError.badDevice(name)) {
                try decode(payload, topic: "zigbee2mqtt/\(name)", device: nil)
            }
        }
    }

    @Test(
        "Bridge, availability and command topics are not readings",
        arguments: [
            "zigbee2mqtt/bridge/state", "zigbee2mqtt/d1/availability", "zigbee2mqtt/d1/set", "zigbee2mqtt/d1/get",
            "zigbee2mqtt/bridge/response/health_check", "zigbee2mqtt/kitchen/d1/set", "zigbee2mqtt/d1/set/state",
        ])
    func services(topic: String) {
        #expect(throws: DecodeError.notAReading(topic: topic)) { try decode(#"{"state":"ON"}"#, topic: topic) }
    }

    @Test("A state without a number is an error")
    func refuses() {
        #expect(throws: DecodeError.noNumber) { try decode(#"{"action":"single"}"#) }
        #expect { try decode("[]") } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
    }
}
