import Core
import Telemetry
import Testing

@Suite("LoRaWAN: uplinks of The Things Stack and ChirpStack")
struct LoRaWANDecoderTests {
    // Source: thethingsindustries.com/docs/integrations/data-formats, "Uplink Messages".
    private static let uplink = #"""
        {"end_device_ids":{"device_id":"dev1","application_ids":{"application_id":"app1"},"dev_eui":"0004A30B001C0530"},
        "correlation_ids":["as:up:01"],"received_at":"2024-05-01T12:00:00.204Z","uplink_message":{"f_port":1,"f_cnt":5,
        "frm_payload":"Gg==","decoded_payload":{"temperature":1.0,"luminosity":0.64,"battery":{"volts":3.1},"mode":"eco"},
        "rx_metadata":[{"gateway_ids":{"gateway_id":"gtw2"},"rssi":-110,"channel_rssi":-110,"snr":-3.5},
        {"gateway_ids":{"gateway_id":"gtw1"},"rssi":-35,"channel_rssi":-35,"snr":5.2},{"gateway_ids":{"gateway_id":"gtw3"}}],
        "settings":{"data_rate":{"lora":{"bandwidth":125000,"spreading_factor":7}},"frequency":"868300000"},
        "received_at":"2024-05-01T12:00:00.123456789Z","consumed_airtime":"0.056576s"}}
        """#

    // Source: chirpstack.io/docs/chirpstack/integrations/events.html, "up".
    private static let event = #"""
        {"deduplicationId":"3ac7e3c4-4401-4b8d-9386-a5c902f9202d","time":"2024-05-01T12:00:00.775023242+00:00",
        "deviceInfo":{"tenantName":"ChirpStack","applicationName":"Test application","deviceName":"Test device",
        "devEui":"0101010101010101","tags":{"key":"value"}},"devAddr":"00189440","dr":1,"fPort":1,"data":"qg==",
        "object":{"temperatureSensor":{"1":25},"humiditySensor":{"1":32}},
        "rxInfo":[{"gatewayId":"0016c001f153a14c","uplinkId":4217106255,"rssi":-36,"snr":10.5,"context":"E3OWOQ=="}],
        "txInfo":{"frequency":867100000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":11}}}}
        """#
    private static let eventTopic = "application/17c82e96/device/0101010101010101/event/up"

    @Test("An uplink of The Things Stack gives its decoded values and the strongest gateway's link")
    func theThingsStack() throws {
        let metrics = [
            "temperature=1", "luminosity=0.64", "battery.volts=3.1", "link.rssi=-35 dBm", "link.snr=5.2 dB",
        ]
        let topic = "v3/app1@ttn/devices/dev1/up"
        #expect(
            try TheThingsStackDecoder().decode(Self.uplink, context(topic: topic, device: nil)).map(Plain.init)
                == [Plain("dev1", metrics, at: "2024-05-01T12:00:00.123Z")])
        #expect(
            try TheThingsStackDecoder().decode(Self.uplink, context(topic: topic, device: "own"))[0].device.rawValue
                == "own")
    }

    @Test("Without decoded values the link remains; without both, the uplink has no number")
    func withoutFormatter() throws {
        let link = #"{"end_device_ids":{"device_id":"d"},"uplink_message":{"rx_metadata":[{"rssi":-90}]}}"#
        #expect(
            try TheThingsStackDecoder().decode(link, context(device: nil)).map(Plain.init)
                == [Plain("d", ["link.rssi=-90 dBm"])])
        #expect(throws: DecodeError.noNumber) {
            try TheThingsStackDecoder().decode(#"{"uplink_message":{"frm_payload":"Gg=="}}"#, context())
        }
    }

    @Test("Other messages of an end device carry no reading, other payloads are errors")
    func otherMessages() {
        let topic = "v3/app1@ttn/devices/dev1/join"
        #expect(throws: DecodeError.notAReading(topic: topic)) {
            try TheThingsStackDecoder().decode(
                #"{"end_device_ids":{"device_id":"dev1"},"join_accept":{"session_key_id":"AXA50"}}"#,
                context(topic: topic))
        }
        for payload in [#"{"t":1}"#, "[1]", "1"] {
            #expect { try TheThingsStackDecoder().decode(payload, context()) } throws: {
                ($0 as? DecodeError)?.reason == "wrong_type"
            }
        }
        #expect(throws: DecodeError.badTime("noon")) {
            try TheThingsStackDecoder().decode(
                #"{"received_at":"noon","uplink_message":{"decoded_payload":{"t":1}}}"#, context())
        }
    }

    @Test("An uplink event of ChirpStack gives its decoded object and the link")
    func chirpStack() throws {
        let metrics = [
            "temperatureSensor.1=25", "humiditySensor.1=32", "link.rssi=-36 dBm", "link.snr=10.5 dB",
        ]
        #expect(
            try ChirpStackDecoder().decode(Self.event, context(topic: Self.eventTopic, device: "0101010101010101"))
                .map(Plain.init) == [Plain("0101010101010101", metrics, at: "2024-05-01T12:00:00.775Z")])
    }

    @Test(
        "If the topic names no device, the device's name does, or its EUI if the name is not allowed",
        arguments: [
            ("Test device", "Test device"), ("a/b", "0101010101010101"), ("a+", "0101010101010101"),
            ("", "0101010101010101"), (String(repeating: "n", count: 129), "0101010101010101"),
        ])
    func chirpStackDevices(name: String, device: String) throws {
        let payload = Self.event.replacing("Test device", with: name)
        #expect(
            try ChirpStackDecoder().decode(payload, context(topic: Self.eventTopic, device: nil))[0].device.rawValue
                == device)
    }

    @Test("Other events of ChirpStack carry no reading, other payloads are errors")
    func otherEvents() {
        let topic = "application/17c82e96/device/0101010101010101/event/status"
        #expect(throws: DecodeError.notAReading(topic: topic)) {
            try ChirpStackDecoder().decode(
                #"{"deviceInfo":{"devEui":"0101010101010101"},"margin":7,"batteryLevel":75.3}"#, context(topic: topic))
        }
        #expect { try ChirpStackDecoder().decode(#"{"object":{"t":1}}"#, context()) } throws: {
            ($0 as? DecodeError)?.reason == "wrong_type"
        }
        #expect(throws: DecodeError.badDevice("x/y")) {
            try ChirpStackDecoder().decode(
                #"{"deviceInfo":{"devEui":"x/y"},"object":{"t":1},"rxInfo":[]}"#, context(device: nil))
        }
    }

    @Test("A route without a convention recognises both by their members")
    func shapes() throws {
        #expect(try AutoDecoder().decode(Self.uplink, context(device: nil))[0].device.rawValue == "dev1")
        #expect(try AutoDecoder().decode(Self.event, context(device: nil))[0].device.rawValue == "Test device")
    }
}
