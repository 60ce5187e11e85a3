import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Services
@testable import WebServer

/// Names that look alike are one name, everywhere; and none hides behind a mark.
@Suite("Names in several spellings")
struct NameTests {
    /// One letter, and a letter with an accent behind it.
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    @Test("A device that spells its name now so and now so has one room, one history and one series")
    func devices() async throws {
        let server = try await LiveServer()
        let client = RoomClient(try await server.client())
        _ = try await client.join("sensors/\(Self.decomposed)")
        try server.ingest("sensors/\(Self.composed)", #"{"tempe\u0301":1}"#)
        try server.ingest("sensors/\(Self.decomposed)", #"{"temp\u00e9":2}"#)
        for _ in 1...2 {
            let update = try await client.next("data_update")
            #expect(update.text("room_id")?.utf8.elementsEqual("sensors/\(Self.composed)".utf8) == true)
        }
        let token = try await server.token()
        for name in [Self.composed, Self.decomposed] {
            let answer = try await server.get(
                "/api/readings?device=\(Self.escaped(name))", token: token,
                headers: [("Accept", "application/x-ndjson")])
            #expect(answer.text.split(separator: "\n").count == 2, "\(answer.text)")
        }
        try await server.stop()
    }

    @Test("A payload in which two metrics have one name is a dead letter")
    func metrics() throws {
        var decoder = TelemetryDecoder()
        let message = try decoder.decodeMessage(
            topic: "sensors/a", payload: Array(#"{"\#(Self.composed)":1,"\#(Self.decomposed)":2}"#.utf8),
            receivedAt: Timestamp(nanosecondsSinceEpoch: 0))
        #expect(throws: DecodeError.self) { try message.inNormalForm() }
    }

    @Test("A chat room in another spelling is the same room, live and in its history")
    func rooms() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["chat/#"], publish: ["chat/#"])
        let client = RoomClient(try await server.client(token: token))
        _ = try await client.join("chat/\(Self.composed)")
        let sent = try await client.ask(
            "send_to_room", #"{"room_id":"chat/\#(Self.decomposed)","content":"hello"}"#)
        #expect(sent.code == nil)
        for name in [Self.composed, Self.decomposed] {
            let history = try await server.get("/api/rooms/history?room_id=chat/\(Self.escaped(name))", token: token)
            #expect(try history.json["messages"]?.array?.count == 1)
        }
        try await server.stop()
    }

    @Test("A subject is one user in every spelling")
    func subjects() throws {
        for name in [Self.composed, Self.decomposed] {
            let claims = try TokenClaims(json: Array(#"{"sub":"\#(name)","exp":4000000000}"#.utf8))
            #expect(claims.user.utf8.elementsEqual(Self.composed.utf8))
        }
    }

    @Test(
        "A mark that would join the character before it begins no name and no level",
        arguments: ["\u{301}x", "\u{200D}x", "\u{FE0F}", "\u{1F3FB}x"])
    func joiningMarks(name: String) throws {
        #expect(DeviceID(name) == nil)
        #expect(throws: TopicFilterError.self) { try TopicFilter("users/\(name)") }
        #expect(throws: TopicNameError.self) { try TopicName("chat/\(name)") }
        #expect(throws: AuthenticationError.self) {
            try TokenClaims(json: Array(#"{"sub":"x","exp":4000000000,"join":["users/\#(name)"]}"#.utf8))
        }
        #expect(DeviceID("a\(name)") != nil)
    }
}
