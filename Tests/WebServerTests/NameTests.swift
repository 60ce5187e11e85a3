import Core
import Foundation
import Telemetry
import TestSupport
import Testing

@testable import Services
@testable import WebServer

/// Names have one canonical spelling. Lookalikes and names that begin with a combining mark are refused.
@Suite("Names and Unicode normalization")
struct NameTests {
    /// The same text with a precomposed letter and with a combining accent.
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }

    @Test(
        "Devices, metrics and rooms that are not in NFC are rejected")
    func refused() async throws {
        let server = try await LiveServer()
        let token = try await server.token("ann", join: ["sensors/#", "chat/#"], publish: ["chat/#"])
        let client = RoomClient(try await server.client(token: token))
        for room in ["sensors/\(Self.decomposed)", "chat/\u{212A}"] {
            #expect(try await client.join(room).code == "bad_request")
            let history = try await server.get("/api/rooms/history?room_id=\(Self.escaped(room))", token: token)
            #expect(history.status == 400)
        }
        _ = try await client.join("sensors/#")
        try server.ingest("sensors/\(Self.decomposed)", #"{"t":1}"#)
        try server.ingest("sensors/\u{212A}iln", #"{"t":1}"#)
        try server.ingest("sensors/a", #"{"\#(Self.decomposed)":1}"#)
        try server.ingest("sensors/\(Self.composed)", #"{"t":2}"#)
        let update = try await client.next("data_update")
        #expect(update.text("device")?.utf8.elementsEqual(Self.composed.utf8) == true)
        let letters = try await server.get(
            "/api/dead-letters", token: try await server.token(join: ["#"], notify: true))
        let reasons = try letters.json["dead_letters"]?.array?.compactMap { $0["reason"]?.string } ?? []
        #expect(reasons.sorted() == ["bad_device", "bad_device", "bad_metric"], "\(letters.text)")
        try await server.stop()
    }

    @Test("A token with a subject or rooms that are not in NFC is invalid")
    func subjects() throws {
        #expect(
            try TokenClaims(json: Array(#"{"sub":"\#(Self.composed)","exp":4000000000}"#.utf8)).user.rawValue
                == Self.composed)
        for name in [Self.decomposed, "\u{212A}evin", "\u{1FEF}"] {
            #expect(throws: AuthenticationError.self) {
                try TokenClaims(json: Array(#"{"sub":"\#(name)","exp":4000000000}"#.utf8))
            }
            #expect(throws: AuthenticationError.self) {
                try TokenClaims(json: Array(#"{"sub":"x","exp":4000000000,"join":["chat/\#(name)"]}"#.utf8))
            }
        }
    }

    @Test(
        "No name and no level begins with a combining mark",
        arguments: ["\u{301}x", "\u{200D}x", "\u{FE0F}", "\u{1F3FB}x"])
    func combiningMarks(name: String) throws {
        #expect(DeviceID(name) == nil)
        #expect(throws: TopicError.self) { try TopicFilter("users/\(name)") }
        #expect(throws: TopicError.self) { try TopicName("chat/\(name)") }
        #expect(throws: AuthenticationError.self) {
            try TokenClaims(json: Array(#"{"sub":"x","exp":4000000000,"join":["users/\#(name)"]}"#.utf8))
        }
        #expect(DeviceID("a\(name)") != nil)
    }
}
