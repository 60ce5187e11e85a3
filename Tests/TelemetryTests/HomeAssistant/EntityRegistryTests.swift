import Core
import Telemetry
import Testing

/// Discovery messages as projects document them, read into entities.
@Suite("Entities of Home Assistant")
struct EntityRegistryTests {
    /// Takes messages in order, and requires that all are understood.
    private static func registry(_ messages: (String, String)...) throws -> EntityRegistry {
        var registry = EntityRegistry()
        for (topic, payload) in messages {
            let received = registry.receive(topic: topic, payload: Array(payload.utf8))
            let outcome = try #require(received, "\(topic)")
            #expect(outcome.problems.isEmpty, "\(outcome.problems)")
        }
        return registry
    }

    private static func decoder(
        _ registry: EntityRegistry, routes: [TopicRoute] = [], statusRoutes: [StatusRoute] = []
    ) -> TelemetryDecoder {
        let topics = DiscoveredTopics(
            registry.entities, room: .standard, routes: routes, statusRoutes: statusRoutes)
        return TelemetryDecoder(routes: routes, statusRoutes: statusRoutes, discovered: topics)
    }

    /// Decodes a message to `device: name=value unit`.
    private static func read(_ decoder: inout TelemetryDecoder, _ topic: String, _ payload: String) throws -> [String] {
        switch try decoder.decodeMessage(topic: topic, payload: Array(payload.utf8), receivedAt: receivedAt) {
        case .readings(let readings):
            readings.flatMap { reading in reading.metrics.map { "\(reading.room): \(Plain.text(of: $0))" } }
        case .statuses(let reports): reports.map { "\($0.rooms[0]) \($0.isOnline)" }.sorted()
        case .status(let report): ["route's \(report.rooms[0]) \(report.isOnline)"]
        case .clearedStatus: ["cleared"]
        case .ignored: []
        }
    }

    @Test("Home Assistant's example: two sensors in one topic, abbreviated keys and a base topic")
    func documentation() throws {
        let registry = try Self.registry(
            (
                "homeassistant/sensor/sensorBedroomT/config",
                #"""
                {"device_class":"temperature","state_topic":"bedroom/sensor","unit_of_measurement":"°C",
                 "value_template":"{{ value_json.temperature}}","unique_id":"temp01ae",
                 "device":{"identifiers":["01ad"],"name":"Bedroom","manufacturer":"Example sensors Ltd."}}
                """#
            ),
            (
                "homeassistant/sensor/sensorBedroomH/config",
                #"""
                {"dev_cla":"humidity","~":"bedroom","stat_t":"~/sensor","unit_of_meas":"%",
                 "val_tpl":"{{ value_json.humidity}}","uniq_id":"hum01ae","dev":{"ids":"01ad","name":"Bedroom"}}
                """#
            ),
            (
                "homeassistant/switch/node/irrigation/config",
                #"{"~":"irrigation","name":"garden","cmd_t":"~/set","stat_t":"~/state","dev":{"ids":["x"],"name":"Garden"}}"#
            ))
        var decoder = Self.decoder(registry)
        #expect(Set(decoder.discovered?.topics ?? []) == ["bedroom/sensor", "irrigation/state"])
        #expect(
            try Self.read(&decoder, "bedroom/sensor", #"{"temperature":21.5,"humidity":40}"#) == [
                "sensors/Bedroom: humidity=40 %", "sensors/Bedroom: temperature=21.5 °C",
            ])
        #expect(try Self.read(&decoder, "irrigation/state", "ON") == ["sensors/Garden: garden=1"])
        #expect(try Self.read(&decoder, "irrigation/state", "OFF") == ["sensors/Garden: garden=0"])
        #expect(try Self.read(&decoder, "irrigation/state", "paused") == [])
    }

    @Test("A message about a whole device, with shared keys and a component without a state")
    func wholeDevice() throws {
        let registry = try Self.registry(
            (
                "homeassistant/device/ea334450945afc/config",
                #"""
                {"dev":{"ids":"ea334450945afc","name":"Kitchen","mf":"Bla electronics"},"o":{"name":"bla2mqtt"},
                 "cmps":{
                  "id1":{"p":"sensor","device_class":"temperature","unit_of_measurement":"°C",
                         "value_template":"{{ value_json.temperature}}","unique_id":"temp01ae_t"},
                  "id2":{"p":"sensor","device_class":"humidity","unit_of_measurement":"%",
                         "value_template":"{{ value_json.humidity}}","unique_id":"temp01ae_h"},
                  "id3":{"p":"button","command_topic":"x/set"}},
                 "state_topic":"sensorBedroom/state","qos":2}
                """#
            ))
        var decoder = Self.decoder(registry)
        #expect(
            try Self.read(&decoder, "sensorBedroom/state", #"{"temperature":21.5,"humidity":40}"#) == [
                "sensors/Kitchen: temperature=21.5 °C", "sensors/Kitchen: humidity=40 %",
            ])
    }

    @Test("ESPHome: the default route keeps the topic, and gets unit and status from the announcement")
    func espHome() throws {
        let registry = try Self.registry(
            (
                "homeassistant/sensor/livingroom/temperature/config",
                #"""
                {"dev_cla":"temperature","unit_of_meas":"°C","stat_cla":"measurement","name":"Temperature",
                 "stat_t":"livingroom/sensor/temperature/state","avty_t":"livingroom/status",
                 "uniq_id":"ESPsensortemperature","dev":{"ids":"a4cf12","name":"Living Room","sw":"esphome v2024.4.1"}}
                """#
            ))
        var decoder = Self.decoder(registry, routes: TopicRoute.defaults, statusRoutes: StatusRoute.defaults)
        #expect(decoder.discovered?.topics == ["livingroom/status"])
        #expect(
            try Self.read(&decoder, "livingroom/sensor/temperature/state", "21.5") == [
                "sensors/livingroom: temperature=21.5 °C"
            ])
        #expect(try Self.read(&decoder, "livingroom/status", "offline") == ["sensors/livingroom false"])
    }

    @Test("Zigbee2MQTT: payloads that are booleans, and a status topic that stays with its route")
    func zigbee2MQTT() throws {
        let registry = try Self.registry(
            (
                "homeassistant/binary_sensor/0x00158d0001/contact/config",
                #"""
                {"availability":[{"topic":"home/bridge/state","value_template":"{{ value_json.state }}"},
                                 {"topic":"home/door/availability","value_template":"{{ value_json.state }}"}],
                 "availability_mode":"all","device":{"identifiers":["zigbee2mqtt_0x00158d0001"],"name":"door"},
                 "device_class":"door","name":null,"payload_off":true,"payload_on":false,"state_topic":"home/door",
                 "value_template":"{{ value_json.contact }}"}
                """#
            ))
        var decoder = Self.decoder(registry)
        #expect(try Self.read(&decoder, "home/door", #"{"contact":false}"#) == ["sensors/door: door=1"])
        #expect(try Self.read(&decoder, "home/door", #"{"contact":true,"battery":9}"#) == ["sensors/door: door=0"])
        #expect(try Self.read(&decoder, "home/bridge/state", #"{"state":"online"}"#) == ["sensors/door true"])
        #expect(try Self.read(&decoder, "home/door/availability", #"{"state":"offline"}"#) == ["sensors/door false"])
        #expect(try Self.read(&decoder, "home/bridge/state", #"{"state":"online"}"#) == ["sensors/door false"])

        let status = [try StatusRoute(pattern: "home/{device}/availability")]
        var routed = Self.decoder(registry, routes: [try TopicRoute(pattern: "home/{device}")], statusRoutes: status)
        #expect(
            try Self.read(&routed, "home/door/availability", #"{"state":"offline"}"#) == ["route's sensors/door false"])
    }

    @Test("Tasmota and Shelly: availability by words of their own, and values inside arrays")
    func ownWords() throws {
        let registry = try Self.registry(
            (
                "homeassistant/sensor/DC4F22_energy/config",
                #"""
                {"name":"Energy","stat_t":"plug/tele/SENSOR","avty_t":"plug/tele/LWT","pl_avail":"Online",
                 "pl_not_avail":"Offline","unit_of_meas":"kWh","val_tpl":"{{value_json['ENERGY'].Total}}",
                 "dev":{"cns":[["mac","5C:CF:7F:DC:4F:22"]]}}
                """#
            ),
            (
                "homeassistant/sensor/shellypro-power/config",
                #"""
                {"name":"Power","state_topic":"pro/events/rpc2","unit_of_measurement":"W",
                 "value_template":"{{ value_json.params.list[0].apower | float | round(1) }}",
                 "device":{"identifiers":"shellypro","name":"hall/pro"}}
                """#
            ))
        var decoder = Self.decoder(registry)
        #expect(
            try Self.read(&decoder, "plug/tele/SENSOR", #"{"ENERGY":{"Total":1.5}}"#) == [
                "sensors/5C:CF:7F:DC:4F:22: Energy=1.5 kWh"
            ])
        #expect(try Self.read(&decoder, "plug/tele/LWT", "Offline") == ["sensors/5C:CF:7F:DC:4F:22 false"])
        #expect(
            try Self.read(&decoder, "pro/events/rpc2", #"{"params":{"list":[{"apower":12.34}]}}"#) == [
                "sensors/hall-pro: Power=12.3 W"
            ])
    }

    @Test("Equal names get the identifier as well, whatever the order of arrival")
    func equalNames() throws {
        let messages = ["a", "b"].map { id in
            (
                "homeassistant/sensor/\(id)/config",
                #"{"name":"T","state_topic":"x/\#(id)","device":{"identifiers":["\#(id)"],"name":"Plug"}}"#
            )
        }
        for messages in [messages, messages.reversed()] {
            var decoder = Self.decoder(try Self.registry(messages[0], messages[1]))
            #expect(try Self.read(&decoder, "x/a", "1") == ["sensors/Plug a: T=1"])
            #expect(try Self.read(&decoder, "x/b", "1") == ["sensors/Plug b: T=1"])
        }
    }

    @Test("An empty message removes the entity, and an unchanged one changes nothing")
    func removal() throws {
        let topic = "homeassistant/sensor/a/config"
        let payload = Array(#"{"state_topic":"x/a"}"#.utf8)
        var registry = EntityRegistry()
        #expect(registry.receive(topic: topic, payload: payload)?.hasChanged == true)
        #expect(registry.receive(topic: topic, payload: payload)?.hasChanged == false)
        #expect(registry.receive(topic: "homeassistant/status", payload: payload) == nil)
        #expect(registry.receive(topic: "other/sensor/a/config", payload: payload) == nil)
        #expect(registry.receive(topic: topic, payload: [])?.hasChanged == true)
        #expect(registry.entities.isEmpty)
        #expect(registry.receive(topic: topic, payload: [])?.hasChanged == false)
    }

    @Test(
        "A device cannot make the gateway subscribe to wildcards, the broker's topics, shared groups or its own topics",
        arguments: [
            "#", "a/+/b", "a/#", "$SYS/broker/uptime", "$share/g/a", "windsock/status", "homeassistant/sensor/b/config",
            "", String(repeating: "a", count: 513),
        ])
    func topics(topic: String) throws {
        var registry = EntityRegistry(reserved: [try TopicFilter("windsock/status")])
        for payload in [
            #"{"state_topic":"\#(topic)"}"#, #"{"stat_t":"~","~":"\#(topic)"}"#,
            #"{"stat_t":"ok","avty":[{"t":"\#(topic)"}]}"#, #"{"stat_t":"ok","avty_t":"\#(topic)"}"#,
        ] {
            let outcome = registry.receive(topic: "homeassistant/sensor/a/config", payload: Array(payload.utf8))
            #expect(outcome?.problems.count == 1, "\(payload)")
            #expect(registry.entities.isEmpty, "\(payload)")
        }
    }

    @Test("What is not understood is reported by device and entity, and not guessed")
    func problems() throws {
        var registry = EntityRegistry()
        let payload =
            #"{"name":"Load","stat_t":"a","val_tpl":"{{ value_json.a * 2 }}","dev":{"ids":"1","name":"Pump"}}"#
        let received = registry.receive(topic: "homeassistant/sensor/a/config", payload: Array(payload.utf8))
        let outcome = try #require(received)
        let problem = try #require(outcome.problems.first)
        #expect(problem.device == "Pump" && problem.entity == "Load")
        #expect("\(problem)".contains("{{ value_json.a * 2 }}"), "\(problem)")
        for payload in ["[]", "{", "\u{feff}", #"{"state_topic":"a","name":"\u0007"}"#] {
            let outcome = registry.receive(topic: "homeassistant/sensor/a/config", payload: Array(payload.utf8))
            #expect(outcome?.problems.count == 1, "\(payload)")
        }
    }

    @Test("Entities, devices, entities of a device and topics are bounded")
    func limits() {
        func count(_ limits: EntityRegistry.Limits) -> Int {
            var registry = EntityRegistry(limits: limits)
            for number in 0..<20 {
                let payload = #"{"stat_t":"t/\#(number)","dev":{"ids":"d\#(number / 4)"}}"#
                _ = registry.receive(topic: "homeassistant/sensor/e\(number)/config", payload: Array(payload.utf8))
            }
            return registry.entities.count
        }
        #expect(count(EntityRegistry.Limits()) == 20)
        #expect(count(EntityRegistry.Limits(maxEntities: 7)) == 7)
        #expect(count(EntityRegistry.Limits(maxDevices: 2)) == 8)
        #expect(count(EntityRegistry.Limits(maxEntitiesPerDevice: 3)) == 15)
        #expect(count(EntityRegistry.Limits(maxTopics: 5)) == 5)
        #expect(count(EntityRegistry.Limits(maxEntitiesPerTopic: 0)) == 0)
    }
}
