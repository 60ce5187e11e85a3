import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

/// `GET /api/topics` and `GET /api/broker`.
@Suite("Topics of the broker")
struct TopicRouteTests {
    @Test("Operators see patterns of topics that no route takes, with sample, conventions and a route")
    func patterns() async throws {
        let server = try await LiveServer()
        let token = try await server.token("operator", join: ["#"])
        server.discover("home/kitchen/temp", "21.5")
        server.discover("home/bath/temp", "22.5", retained: true)
        server.discover("sensors/kitchen/temperature", "1")
        server.discover("home/kitchen/image", "\u{0}\u{1}")
        let answer = try await server.get("/api/topics", token: token).json
        #expect(answer["state"]?.string == "waiting" && answer["filter"]?.string == "#")
        #expect(answer["topics"]?.number == 3 && answer["taken_messages"]?.number == 1)
        let patterns = answer["patterns"]?.array ?? []
        #expect(patterns.map { $0["pattern"]?.string } == ["home/+/temp", "home/+/image"])
        let first = try #require(patterns.first)
        #expect(first["messages"]?.number == 1 && first["retained_messages"]?.number == 1)
        #expect(first["sample"]?["payload"]?.string == "22.5" && first["sample"]?["retained"]?.bool == true)
        #expect(first["route"]?["yaml"]?.string == #"- topic: "home/{device}/{metric}""#)
        #expect(first["route"]?["readings"]?.array?.first?.string == "bath in sensors/bath: temp 22.5")
        let accepted = first["conventions"]?.array?.filter { $0["accepted"]?.bool == true }
        #expect(accepted?.contains { $0["convention"]?.string == "bare" } == true)
        #expect(patterns.last?["sample"]?["encoding"]?.string == "hex")
        #expect(patterns.last?["route"] == nil && patterns.last?["problem"]?.string?.isEmpty == false)
        try await server.stop()
    }

    @Test("Other tokens are refused, and a gateway without discovery says that it is off")
    func refused() async throws {
        let server = try await LiveServer(discovery: .off)
        let visitor = try await server.token("visitor", join: ["sensors/#"])
        let refusal = try await server.get("/api/topics", token: visitor)
        #expect(refusal.status == 403 && refusal.text.contains("may join"))
        #expect(try await server.get("/api/topics").status == 401)
        let answer = try await server.get("/api/topics", token: try await server.token("operator", join: ["#"])).json
        #expect(answer["state"]?.string == "off" && answer["patterns"]?.array?.isEmpty == true)
        try await server.stop()
    }

    @Test("Any token gets the broker's address with a topic for a first reading, and no credentials")
    func broker() async throws {
        let server = try await LiveServer()
        let answer = try await server.get("/api/broker", token: try await server.token("visitor", join: ["sensors/a"]))
        #expect(
            answer.text
                == #"{"host":"127.0.0.1","port":1,"tls":false,"login":false,"topic":"sensors/{device}/{metric}"}"#)
        #expect(try await server.get("/api/broker").status == 401)
        try await server.stop()
    }

    @Test("/readyz names the subscribed filters")
    func filters() async throws {
        let server = try await LiveServer()
        let mqtt = try await server.get("/readyz").json["checks"]?["mqtt"]
        #expect(mqtt?["filters"]?.array?.contains { $0.string == "sensors/+/+" } == true)
        #expect(mqtt?["warning"] == nil)
        try await server.stop()
    }
}
