import Core
import Telemetry
import Testing

@Suite("Tasmota: sensor and state messages")
struct TasmotaDecoderTests {
    private static let noon = "2024-05-01T12:00:00.000Z"

    private func decode(_ payload: String, _ context: DecodingContext = context(topic: "tele/d1/SENSOR")) throws
        -> [Plain]
    {
        try TasmotaDecoder().decode(payload, context).map(Plain.init)
    }

    @Test(
        "The quantities of a single sensor have short names and units",
        arguments: [
            (
                #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":24.6,"Humidity":58.2,"DewPoint":15.8},"TempUnit":"C"}"#,
                ["temperature=24.6 °C", "humidity=58.2 %", "dew_point=15.8 °C"]
            ),
            (
                #"{"Time":"2024-05-01T12:00:00","BME280":{"Temperature":70.7,"Humidity":30,"Pressure":1001.4,"SeaPressure":1020.1},"PressureUnit":"hPa","TempUnit":"F"}"#,
                ["temperature=70.7 °F", "humidity=30 %", "pressure=1001.4 hPa", "sea_pressure=1020.1 hPa"]
            ),
            (
                #"""
                {"Time":"2024-05-01T12:00:00","ENERGY":{"TotalStartTime":"2019-03-11T20:08:40","Total":3.185,"Yesterday":3.058,
                "Today":0.127,"Period":2,"Power":23,"ApparentPower":32,"ReactivePower":22,"Factor":0.72,"Voltage":229,"Current":0.14}}
                """#,
                [
                    "total=3.185 kWh", "yesterday=3.058 kWh", "today=0.127 kWh", "period=2 Wh", "power=23 W",
                    "apparent_power=32 VA", "reactive_power=22 var", "factor=0.72", "voltage=229 V", "current=0.14 A",
                ]
            ),
            (
                #"{"Time":"2024-05-01T12:00:00","DS18B20":{"Id":"01131B123456","Temperature":21.1},"ANALOG":{"A0":512},"TempUnit":"C"}"#,
                ["temperature=21.1 °C", "a0=512"]
            ),
            (
                #"{"Time":"2024-05-01T12:00:00","SGP30":{"eCO2":450,"TVOC":125,"aHumidity":4.4},"SCD30":{"CarbonDioxide":746}}"#,
                ["eco2=450 ppm", "tvoc=125 ppb", "a_humidity=4.4", "carbon_dioxide=746 ppm"]
            ),
            (
                #"{"Time":"2024-05-01T12:00:00","ENERGY":{"Power":[10,20],"Total":1.5}}"#,
                ["power.1=10 W", "power.2=20 W", "total=1.5 kWh"]
            ),
            (
                #"{"Time":"2024-05-01T12:00:00","Switch1":"ON","Switch2":"OFF","PIR":{"State":"ON"}}"#,
                ["Switch1=1", "Switch2=0", "state=1"]
            ),
        ])
    func sensors(payload: String, metrics: [String]) throws {
        #expect(try decode(payload) == [Plain("d1", metrics, at: Self.noon)])
    }

    @Test("A quantity that several sensors have carries the sensor's name, even while one has no value")
    func severalSensors() throws {
        #expect(
            try decode(
                #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":21.5,"Humidity":55},"DS18B20":{"Temperature":19},"TempUnit":"C"}"#
            ) == [
                Plain(
                    "d1", ["AM2301.Temperature=21.5 °C", "humidity=55 %", "DS18B20.Temperature=19 °C"], at: Self.noon)
            ])
        #expect(
            try decode(
                #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":21.5},"DS18B20":{"Temperature":null},"TempUnit":"C"}"#
            ) == [Plain("d1", ["AM2301.Temperature=21.5 °C"], at: Self.noon)])
    }

    @Test("A state message keeps its names, so that relay state and power in watts are distinct")
    func state() throws {
        let payload = #"""
            {"Time":"2024-05-01T12:00:00","Uptime":"0T00:05:19","UptimeSec":319,"Vcc":3.16,"POWER":"OFF",
            "Wifi":{"AP":1,"SSId":"x","RSSI":66,"Signal":-67}}
            """#
        #expect(
            try decode(payload) == [
                Plain(
                    "d1", ["UptimeSec=319 s", "Vcc=3.16", "POWER=0", "ap=1", "rssi=66 %", "signal=-67 dBm"],
                    at: Self.noon)
            ])
    }

    // Source: tasmota.github.io/docs/JSON-Status-Responses and the command Status in tasmota.github.io/docs/Commands.
    @Test("Requested statuses have the metrics of the messages that the device sends by itself")
    func requested() throws {
        let sensors = #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":24.6},"TempUnit":"C"}"#
        let state = #"{"Time":"2024-05-01T12:00:00","UptimeSec":319,"POWER":"ON"}"#
        for (status, member, payload) in [
            ("STATUS8", "StatusSNS", sensors), ("STATUS10", "StatusSNS", sensors), ("STATUS11", "StatusSTS", state),
        ] {
            let topic = "stat/d1/\(status)"
            #expect(
                try AutoDecoder().decode(#"{"\#(member)":\#(payload)}"#, context(topic: topic)).map(Plain.init)
                    == decode(payload))
        }
    }

    @Test("°F is converted to °C if the route says so")
    func fahrenheit() throws {
        let payload = #"{"Time":"2024-05-01T12:00:00","AM2301":{"Temperature":70.7},"TempUnit":"F"}"#
        #expect(
            try decode(payload, context(convertsFahrenheit: true)) == [
                Plain("d1", ["temperature=21.5 °C"], at: Self.noon)
            ])
    }

    @Test("Times with an offset and times as epoch seconds are understood")
    func times() throws {
        #expect(try decode(#"{"Time":"2024-05-01T14:00:00+02:00","A":{"X":1}}"#)[0].time == Self.noon)
        #expect(try decode(#"{"Time":"2024-05-01T14:00:00","Epoch":1714564800,"A":{"X":1}}"#)[0].time == Self.noon)
        #expect(try decode(#"{"A":{"X":1}}"#)[0].time == nil)
        #expect(throws: DecodeError.badTime("noon")) { try decode(#"{"Time":"noon","A":{"X":1}}"#) }
    }

    @Test("A message without values is an error")
    func refuses() {
        #expect(throws: DecodeError.noNumber) { try decode(#"{"Time":"2024-05-01T12:00:00","TempUnit":"C"}"#) }
        #expect { try decode("[1]") } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
    }
}
