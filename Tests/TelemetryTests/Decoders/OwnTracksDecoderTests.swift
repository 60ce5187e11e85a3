import Core
import Telemetry
import Testing

@Suite("OwnTracks: positions of phones")
struct OwnTracksDecoderTests {
    private func decode(
        _ payload: String, topic: String = "owntracks/jane/phone", device: String? = nil
    ) throws -> [Plain] {
        try OwnTracksDecoder().decode(payload, context(topic: topic, device: device)).map(Plain.init)
    }

    // Source: owntracks.org/booklet/tech/json, "_type=location".
    @Test("A location gives position, accuracy, speed and battery with units, at its time")
    func location() throws {
        let payload = #"""
            {"_type":"location","BSSID":"b0:f2:8:45:94:33","acc":12,"alt":117,"batt":85,"bs":1,"cog":270,"conn":"w",
            "lat":48.85833,"lon":3.29513,"m":1,"p":101.3,"t":"u","tid":"jp","tst":1714564800,"vac":4,"vel":54,
            "inregions":["home"],"created_at":1714564801}
            """#
        #expect(
            try decode(payload) == [
                Plain(
                    "jane:phone",
                    [
                        "acc=12 m", "alt=117 m", "batt=85 %", "cog=270 °", "lat=48.85833 °", "lon=3.29513 °",
                        "p=101.3 kPa", "vac=4 m", "vel=54 km/h",
                    ], at: "2024-05-01T12:00:00.000Z")
            ])
        #expect(try decode(payload, device: "phone").first?.device == "phone")
        #expect(try AutoDecoder().decode(payload, context()).map(Plain.init).first?.metrics.first == "acc=12 m")
    }

    @Test(
        "Messages of other types carry no reading",
        arguments: [
            #"{"_type":"lwt","tst":1714564800}"#, #"{"_type":"encrypted","data":"x"}"#,
            #"{"_type":"transition","lat":1,"lon":2,"tst":1714564800,"event":"enter"}"#,
            #"{"_type":"card","name":"J"}"#,
        ])
    func ignored(payload: String) throws {
        #expect(throws: DecodeError.notAReading(topic: "owntracks/jane/phone")) { try decode(payload) }
        var decoder = TelemetryDecoder()
        #expect(
            try decoder.decodeMessage(
                topic: "owntracks/jane/phone", payload: Array(payload.utf8), receivedAt: receivedAt) == .ignored)
    }

    @Test("A payload without a type, a bad time and a name that is too long are errors")
    func refuses() {
        #expect { try decode(#"{"lat":1}"#) } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
        #expect { try decode("[1]") } throws: { ($0 as? DecodeError)?.reason == "wrong_type" }
        #expect(throws: DecodeError.noNumber) { try decode(#"{"_type":"location","tid":"jp"}"#) }
        #expect(throws: DecodeError.badTime("now")) { try decode(#"{"_type":"location","lat":1,"tst":"now"}"#) }
        let user = String(repeating: "u", count: 128)
        #expect(throws: DecodeError.badDevice("\(user):phone")) {
            try decode(#"{"_type":"location","lat":1}"#, topic: "owntracks/\(user)/phone")
        }
    }
}
