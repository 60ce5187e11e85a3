import Core
import Telemetry
import Testing

/// A message as a device of some project publishes it without any configuration of the gateway. The payloads follow the
/// project's own documentation, which the tests of the decoders name.
struct ProjectMessage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let topic: String
    let payload: String
    let reading: Plain

    init(_ name: String, _ topic: String, _ payload: String, _ device: String, _ metrics: [String]) {
        testDescription = name
        self.topic = topic
        self.payload = payload
        self.reading = Plain(device, metrics)
    }

    static let all = [
        // A bare value has no unit.
        ProjectMessage(
            "bare number", "sensors/greenhouse-1/temperature", "21.5", "greenhouse-1", ["temperature=21.5"]),
        ProjectMessage(
            "nested JSON", "sensors/greenhouse-1",
            #"{"climate":{"temperature":{"value":21.5,"unit":"°C"},"humidity":55},"ts":1714564790}"#, "greenhouse-1",
            ["climate.temperature=21.5 °C", "climate.humidity=55"]),
        ProjectMessage(
            "Shelly Gen1", "shellies/shelly1pm-A4CF12F454A3/relay/0/power", "23.50", "shelly1pm-A4CF12F454A3",
            ["relay.0.power=23.5 W"]),
        ProjectMessage(
            "Shelly Gen2 status", "shellyplus1pm-a8032abe54dc/status/switch:0",
            #"{"id":0,"source":"init","output":true,"apower":8.9,"voltage":231.2,"aenergy":{"total":11.679,"by_minute":[1]}}"#,
            "shellyplus1pm-a8032abe54dc",
            [
                "switch:0.output=1", "switch:0.apower=8.9 W", "switch:0.voltage=231.2 V",
                "switch:0.aenergy.total=11.679 Wh",
            ]),
        ProjectMessage(
            "Shelly RPC", "shellyplusht-b8d61a8b17cc/events/rpc",
            #"""
            {"src":"shellyplusht-b8d61a8b17cc","dst":"shellyplusht-b8d61a8b17cc/events","method":"NotifyFullStatus",
            "params":{"ts":1714564790.62,"ble":{},"humidity:0":{"id":0,"rh":42.2},"temperature:0":{"id":0,"tC":19.8,"tF":67.6},
            "wifi":{"ssid":"n","rssi":-47}}}
            """#,
            "shellyplusht-b8d61a8b17cc", ["humidity:0.rh=42.2 %", "temperature:0.tC=19.8 °C", "wifi.rssi=-47 dBm"]),
        // The values of a payload formatter have no units; those of the link do.
        ProjectMessage(
            "The Things Stack v3", "v3/app1@ttn/devices/dev1/up",
            #"""
            {"end_device_ids":{"device_id":"dev1"},"received_at":"2024-05-01T11:59:50.787Z","uplink_message":{"f_port":1,
            "decoded_payload":{"temperature":1.0,"luminosity":0.64},"rx_metadata":[{"rssi":-35,"snr":5.2}]}}
            """#,
            "dev1", ["temperature=1", "luminosity=0.64", "link.rssi=-35 dBm", "link.snr=5.2 dB"]),
        ProjectMessage(
            "ChirpStack v4", "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/0101010101010101/event/up",
            #"""
            {"time":"2024-05-01T11:59:50.775023242+00:00",
            "deviceInfo":{"deviceName":"Test device","devEui":"0101010101010101"},
            "object":{"temperatureSensor":{"1":25}},"rxInfo":[{"gatewayId":"0016c001f153a14c","rssi":-36,"snr":10.5}]}
            """#,
            "0101010101010101", ["temperatureSensor.1=25", "link.rssi=-36 dBm", "link.snr=10.5 dB"]),
        // Home Assistant's units are in a discovery message of another topic.
        ProjectMessage(
            "Home Assistant state", "homeassistant/sensor/sensorBedroom/state",
            #"{"temperature":23.20,"humidity":43.70}"#, "sensorBedroom", ["temperature=23.2", "humidity=43.7"]),
        // ESPHome publishes no units.
        ProjectMessage("ESPHome sensor", "livingroom/sensor/co2_value/state", "612", "livingroom", ["co2_value=612"]),
        ProjectMessage(
            "ESPHome binary sensor", "livingroom/binary_sensor/motion/state", "ON", "livingroom", ["motion=1"]),
        ProjectMessage(
            "Zigbee2MQTT", "zigbee2mqtt/climate", #"{"temperature":27.34,"humidity":44.72}"#, "climate",
            ["temperature=27.34 °C", "humidity=44.72 %"]),
        ProjectMessage(
            "Zigbee2MQTT with /", "zigbee2mqtt/kitchen/floor_light",
            #"{"state":"ON","brightness":215,"linkquality":92}"#,
            "kitchen:floor_light", ["state=1", "brightness=215", "linkquality=92 lqi"]),
        ProjectMessage(
            "Tasmota SENSOR", "tele/tasmota_9CF9D1/SENSOR",
            #"{"Time":"2024-05-01T11:59:50","AM2301":{"Temperature":24.6,"Humidity":58.2},"TempUnit":"C"}"#,
            "tasmota_9CF9D1", ["temperature=24.6 °C", "humidity=58.2 %"]),
        ProjectMessage(
            "Tasmota STATE", "tele/tasmota_9CF9D1/STATE",
            #"{"Time":"2024-05-01T11:59:50","Uptime":"0T00:10:11","UptimeSec":611,"POWER":"OFF","Wifi":{"SSId":"n","RSSI":44,"Signal":-78}}"#,
            "tasmota_9CF9D1", ["UptimeSec=611 s", "POWER=0", "rssi=44 %", "signal=-78 dBm"]),
        ProjectMessage(
            "OwnTracks", "owntracks/jane/phone",
            #"{"_type":"location","tid":"jp","acc":12,"batt":85,"lat":48.85833,"lon":3.29513,"tst":1714564790,"vel":54}"#,
            "jane:phone", ["acc=12 m", "batt=85 %", "lat=48.85833 °", "lon=3.29513 °", "vel=54 km/h"]),
        // Line protocol has no units.
        ProjectMessage(
            "Influx", "telegraf/server1/cpu",
            "cpu,cpu=cpu0,host=server1 usage_idle=98.5,usage_user=1i 1714564790000000000", "server1",
            ["cpu.cpu0.usage_idle=98.5", "cpu.cpu0.usage_user=1"]),
        ProjectMessage(
            "SenML", "devices/mast/telemetry",
            #"[{"bn":"mast/","bt":1714564790,"n":"temperature","u":"Cel","v":21.5},{"n":"humidity","u":"%RH","v":67}]"#,
            "mast", ["temperature=21.5 °C", "humidity=67 %"]),
        // ThingsBoard's telemetry has no units.
        ProjectMessage(
            "ThingsBoard", "devices/meter-1/telemetry", #"{"ts":1714564790000,"values":{"temperature":22.5}}"#,
            "meter-1",
            ["temperature=22.5"]),
    ]
}

@Suite("Messages of common projects become readings with the default routes alone")
struct DefaultRoutesTests {
    private func readings(
        _ message: ProjectMessage, routes: [TopicRoute] = TopicRoute.defaults
    ) throws -> [Reading] {
        var decoder = TelemetryDecoder(routes: routes)
        return try decoder.decode(
            topic: message.topic, payload: Array(message.payload.utf8), receivedAt: receivedAt)
    }

    @Test("Each message is a reading with its metrics and units", arguments: ProjectMessage.all)
    func decodes(message: ProjectMessage) throws {
        let reading = try #require(try readings(message).first)
        #expect(Plain(reading.device.rawValue, reading.metrics.map(Plain.text)) == message.reading)
        #expect(reading.room == "sensors/\(message.reading.device)")
        #expect(reading.implausibleDeviceTime == nil)
    }

    @Test("All eighteen messages are readings; without the routes of single projects, six were")
    func count() {
        let own = TopicRoute.defaults.filter { !TopicRoute.conventionDefaults.contains($0) }
        #expect(ProjectMessage.all.filter { (try? readings($0)) != nil }.count == 18)
        let before = ProjectMessage.all.filter { (try? readings($0, routes: own)) != nil }
        #expect(
            before.map(\.testDescription) == [
                "bare number", "nested JSON", "Zigbee2MQTT", "Tasmota SENSOR", "SenML", "ThingsBoard",
            ])
    }

    @Test(
        "Other messages that the default routes subscribe to are ignored, not dead letters",
        arguments: [
            ("zigbee2mqtt/bridge/devices", "[]"), ("zigbee2mqtt/bridge/logging", #"{"level":"info"}"#),
            ("zigbee2mqtt/kitchen/lamp/set", #"{"state":"ON"}"#), ("zigbee2mqtt/kitchen/lamp/set/brightness", "3"),
            ("zigbee2mqtt/kitchen/lamp/availability", #"{"state":"online"}"#),
            ("shellies/announce", #"{"id":"shelly1-B929CC"}"#), ("shellies/shelly1-B929CC/relay/0/command", "on"),
            ("knx/status/lamp", #"{"val":21.5,"ts":1714564790000,"lc":1714564790000}"#), ("evcc/status/text", "ready"),
            ("owntracks/jane/phone", #"{"_type":"lwt","tst":1714564790}"#),
        ])
    func ignored(topic: String, payload: String) throws {
        var decoder = TelemetryDecoder()
        #expect(
            try decoder.decodeMessage(topic: topic, payload: Array(payload.utf8), receivedAt: receivedAt) == .ignored)
    }

    @Test("Shelly's `online` is a status")
    func shellyStatus() throws {
        var decoder = TelemetryDecoder()
        let message = try decoder.decodeMessage(
            topic: "shellies/shelly1-B929CC/online", payload: Array("false".utf8), receivedAt: receivedAt)
        guard case .status(let report) = message else {
            Issue.record("\(message)")
            return
        }
        #expect(report.device.rawValue == "shelly1-B929CC" && !report.isOnline)
        #expect(report.rooms == ["sensors/shelly1-B929CC"])
    }

    @Test("A state topic of Home Assistant with a bare value is named after the component")
    func homeAssistantComponents() throws {
        var decoder = TelemetryDecoder()
        for component in ["sensor", "binary_sensor", "switch"] {
            let reading = try #require(
                try decoder.decode(
                    topic: "homeassistant/\(component)/garden/state", payload: Array("ON".utf8), receivedAt: receivedAt
                ).first)
            #expect(reading.device.rawValue == "garden")
            #expect(reading.metrics == [Metric(name: component, value: 1)])
        }
    }
}
