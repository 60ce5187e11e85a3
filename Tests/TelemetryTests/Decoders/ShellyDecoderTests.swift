import Core
import Telemetry
import Testing

@Suite("Shelly: topics of the first generation, statuses and notifications of later ones")
struct ShellyDecoderTests {
    private func decode(
        _ payload: String, topic: String, device: String? = nil, convertsFahrenheit: Bool = false
    ) throws -> [Plain] {
        try ShellyDecoder().decode(
            payload, context(topic: topic, device: device, convertsFahrenheit: convertsFahrenheit)
        ).map(Plain.init)
    }

    // Source: shelly-api-docs.shelly.cloud/gen1, the sections "MQTT" of Shelly1PM, Shelly2.5, EM, 3EM, H&T, Door/Window 2,
    // Flood, Gas, UNI and Dimmer.
    @Test(
        "A topic of the first generation is a metric with the documented unit",
        arguments: [
            ("relay/0", "on", "relay.0=1"), ("relay/0/power", "23.50", "relay.0.power=23.5 W"),
            ("relay/0/energy", "1200", "relay.0.energy=1200 W·min"), ("relay/power", "7.1", "relay.power=7.1 W"),
            ("roller/0/pos", "100", "roller.0.pos=100 %"), ("input/0", "1", "input.0=1"),
            ("temperature", "54.21", "temperature=54.21 °C"), ("temperature_f", "129.58", "temperature_f=129.58 °F"),
            ("overtemperature", "0", "overtemperature=0"), ("voltage", "230.1", "voltage=230.1 V"),
            ("emeter/0/power", "-12.4", "emeter.0.power=-12.4 W"),
            ("emeter/0/reactive_power", "3.2", "emeter.0.reactive_power=3.2 var"),
            ("emeter/1/pf", "0.92", "emeter.1.pf=0.92"), ("emeter/2/current", "0.4", "emeter.2.current=0.4 A"),
            ("emeter/0/total", "8042.7", "emeter.0.total=8042.7 Wh"),
            ("sensor/temperature", "21.50", "temperature=21.5 °C"),
            ("sensor/humidity", "48.5", "humidity=48.5 %"), ("sensor/battery", "87", "battery=87 %"),
            ("sensor/flood", "false", "flood=0"), ("sensor/state", "open", "state=1"),
            ("sensor/state", "close", "state=0"), ("sensor/lux", "210", "lux=210 lx"),
            ("sensor/concentration", "31", "concentration=31 ppm"),
            ("ext_temperature/0", "4.06", "ext_temperature.0=4.06 °C"), ("adc/0", "12.1", "adc.0=12.1 V"),
        ])
    func firstGeneration(topic: String, payload: String, metric: String) throws {
        let topic = "shellies/shelly-A4CF12F454A3/\(topic)"
        #expect(try decode(payload, topic: topic) == [Plain("shelly-A4CF12F454A3", [metric])])
    }

    @Test("A JSON status of the first generation gives its numbers and states")
    func firstGenerationObjects() throws {
        #expect(
            try decode(
                #"{"ison":true,"mode":"white","brightness":48}"#, topic: "shellies/shellydimmer-D3E9/light/0/status")
                == [Plain("shellydimmer-D3E9", ["light.0.ison=1", "light.0.brightness=48"])])
    }

    // Source: shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices: Switch, EM, Input, DevicePower, Sys and WiFi.
    @Test(
        "The status of a component gives its numbers and states with units",
        arguments: [
            (
                "switch:0",
                #"""
                {"id":0,"source":"WS_in","output":false,"apower":0.0,"voltage":225.9,"current":0.0,"freq":50.0,
                "aenergy":{"total":11.679,"by_minute":[0.0,0.0,0.0],"minute_ts":1654511972},
                "temperature":{"tC":53.3,"tF":127.9}}
                """#,
                [
                    "switch:0.output=0", "switch:0.apower=0 W", "switch:0.voltage=225.9 V", "switch:0.current=0 A",
                    "switch:0.freq=50 Hz", "switch:0.aenergy.total=11.679 Wh", "switch:0.temperature.tC=53.3 °C",
                ]
            ),
            (
                "em:0",
                #"{"id":0,"a_current":4.0,"a_voltage":227.0,"a_act_power":951.2,"a_aprt_power":953.9,"a_pf":1,"total_act_power":2484.8}"#,
                [
                    "em:0.a_current=4 A", "em:0.a_voltage=227 V", "em:0.a_act_power=951.2 W",
                    "em:0.a_aprt_power=953.9 VA", "em:0.a_pf=1", "em:0.total_act_power=2484.8 W",
                ]
            ),
            (
                "emdata:0", #"{"id":0,"total_act":1840.5,"total_act_ret":12.1}"#,
                ["emdata:0.total_act=1840.5 Wh", "emdata:0.total_act_ret=12.1 Wh"]
            ),
            ("input:2", #"{"id":2,"counts":{"total":23}}"#, ["input:2.counts.total=23"]),
            (
                "devicepower:0", #"{"id":0,"battery":{"V":5.46,"percent":73},"external":{"present":false}}"#,
                [
                    "devicepower:0.battery.V=5.46 V", "devicepower:0.battery.percent=73 %",
                    "devicepower:0.external.present=0",
                ]
            ),
            (
                "sys", #"{"mac":"A8032ABE54DC","unixtime":1750345503,"uptime":2,"ram_free":137648,"cfg_rev":34}"#,
                ["sys.uptime=2 s"]
            ),
            ("wifi", #"{"sta_ip":"192.168.33.2","status":"got ip","ssid":"n","rssi":-47}"#, ["wifi.rssi=-47 dBm"]),
        ])
    func statuses(component: String, payload: String, metrics: [String]) throws {
        #expect(
            try decode(payload, topic: "shellyplus1pm-a8032abe54dc/status/\(component)")
                == [Plain("shellyplus1pm-a8032abe54dc", metrics)])
        #expect(try decode(payload, topic: "shellies/attic/status/\(component)") == [Plain("attic", metrics)])
    }

    // Source: shelly-api-docs.shelly.cloud/gen2/General/Notifications.
    @Test("A notification gives the numbers and states of its components at its time")
    func notifications() throws {
        let payload = #"""
            {"src":"shellypro4pm-f008d1d8b8b8","dst":"shellypro4pm-f008d1d8b8b8/events","method":"NotifyStatus",
            "params":{"ts":1714564800.25,"switch:0":{"id":0,"apower":8.9},"cloud":{"connected":true}}}
            """#
        let expected = ["switch:0.apower=8.9 W"]
        #expect(
            try decode(payload, topic: "attic/events/rpc")
                == [Plain("shellypro4pm-f008d1d8b8b8", expected, at: "2024-05-01T12:00:00.250Z")])
        #expect(try decode(payload, topic: "attic/events/rpc", device: "attic").first?.device == "attic")
        #expect(
            try decode(payload.replacing("1714564800.25", with: "null"), topic: "attic/events/rpc").first?.time == nil)
    }

    @Test("°F is converted to °C if the route says so")
    func fahrenheit() throws {
        #expect(
            try decode("70.7", topic: "shellies/d1/temperature_f", convertsFahrenheit: true)
                == [Plain("d1", ["temperature_f=21.5 °C"])])
    }

    @Test(
        "Announcements, commands, events, texts and statuses of other systems carry no reading",
        arguments: [
            ("shellies/announce", #"{"id":"shelly1-B929CC","model":"SHSW-1"}"#),
            ("shellies/shelly1-B929CC/info", #"{"uptime":12}"#), ("shellies/shelly1-B929CC/relay/0/command", "on"),
            ("shellies/shelly1-B929CC/relay/0", "overpower"),
            ("shellies/shelly1-B929CC/sensor/act_reasons", #"["poweron"]"#),
            ("shellies", "1"), ("attic/status/mqtt", #"{"connected":true}"#),
            ("attic/status/input:0", #"{"id":0,"state":null}"#),
            (
                "attic/events/rpc",
                #"{"src":"s","method":"NotifyEvent","params":{"ts":1,"events":[{"component":"input:0","id":0}]}}"#
            ),
            ("attic/events/rpc", #"{"src":"s","method":"NotifyStatus","params":{"ts":1,"sys":{"cfg_rev":11}}}"#),
            ("knx/status/lamp", #"{"val":21.5,"ts":1714564800000}"#), ("knx/status/lamp:1", #"{"val":21.5}"#),
            ("knx/status/lamp:1", "ON"), ("knx/status/wifi", #"{"val":1}"#),
        ])
    func ignored(topic: String, payload: String) {
        #expect(throws: DecodeError.notAReading(topic: topic)) { try decode(payload, topic: topic) }
    }

    @Test("Invalid values and hostile names are errors")
    func refuses() {
        #expect(throws: DecodeError.notFinite) { try decode("1e999", topic: "shellies/d1/relay/0/power") }
        #expect(throws: DecodeError.empty) { try decode("", topic: "shellies/d1/relay/0") }
        #expect(throws: DecodeError.badDevice("a#b")) { try decode("1", topic: "shellies/a#b/relay/0") }
        #expect(throws: DecodeError.badDevice("a/b")) {
            try decode(
                #"{"src":"a/b","method":"NotifyStatus","params":{"switch:0":{"output":true}}}"#, topic: "x/events/rpc")
        }
        #expect(throws: DecodeError.badTime("soon")) {
            try decode(
                #"{"src":"s","method":"NotifyStatus","params":{"ts":"soon","switch:0":{"output":true}}}"#,
                topic: "x/events/rpc")
        }
        let name = String(repeating: "n", count: 129)
        #expect { try decode(#"{"id":0,"\#(name)":{"a":1}}"#, topic: "x/status/switch:0") } throws: {
            ($0 as? DecodeError)?.reason == "bad_metric"
        }
    }
}
