import AlertRules
import Core
import Foundation
import TestSupport
import Testing

@testable import WebServer

/// A device's stored readings are available in several formats to clients that may see its room, and to no others.
@Suite("Stored readings over HTTP", .serialized)
struct ReadingRouteTests {
    /// A server with ten values of two metrics of device `a`, one second apart, and one value of device `b`.
    private static func server() async throws -> LiveServer {
        let server = try await LiveServer()
        for second in 0..<10 {
            try server.ingest("sensors/a", #"{"t":\#(second),"h":50,"ts":\#(start + second)}"#)
        }
        try server.ingest("sensors/b/t", "1")
        return server
    }

    /// A few minutes ago, so that the device's timestamps are accepted.
    private static let start = Int(Date().timeIntervalSince1970) - 300

    @Test("Values that fit the number of points are returned unchanged, otherwise in buckets")
    func chart() async throws {
        let server = try await Self.server()
        let token = try await server.token()
        let raw = try await server.get("/api/readings?device=a&metric=t&points=10", token: token)
        #expect(raw.status == 200)
        let line = try #require(try raw.json["series"]?.array?.first)
        #expect(line["room_id"]?.string == "sensors/a" && line["bucket_s"] == nil)
        let points = try #require(line["points"]?.array)
        #expect(points.count == 10)
        #expect(points.last?.array?.compactMap(\.number) == [Double(Self.start + 9), 9])

        let range = "&from=\(Self.start)&to=\(Self.start + 10)"
        let buckets = try await server.get("/api/readings?device=a&metric=t&points=5\(range)", token: token)
        let reduced = try #require(try buckets.json["series"]?.array?.first)
        #expect(reduced["bucket_s"]?.number == 2)
        #expect(
            reduced["points"]?.array?.first?.array?.compactMap(\.number) == [Double(Self.start), 0, 0.5, 1, 2])
        #expect(reduced["points"]?.array?.count == 5)
        let all = try await server.get("/api/readings?device=a", token: token)
        #expect(try all.json["series"]?.array?.compactMap { $0["metric"]?.string } == ["h", "t"])
        try await server.stop()
    }

    @Test("CSV and NDJSON contain every value, by time")
    func tables() async throws {
        let server = try await Self.server()
        let token = try await server.token()
        let csv = try await server.get("/api/readings?device=a", token: token, headers: [("Accept", "text/csv")])
        let lines = csv.text.components(separatedBy: "\r\n")
        #expect(lines.first == "time,device,metric,value,unit")
        #expect(lines.count == 22 && lines.last?.isEmpty == true)
        #expect(lines[1].hasSuffix("Z,a,h,50,") || lines[1].hasSuffix("Z,a,t,0,"))
        #expect(csv.header("content-type")?.hasPrefix("text/csv") == true)
        let ndjson = try await server.get(
            "/api/readings?device=a&metric=t", token: token, headers: [("Accept", "application/x-ndjson")])
        let objects = try ndjson.text.split(separator: "\n").map { try JSON(parsing: String($0)) }
        #expect(objects.compactMap { $0["value"]?.number } == (0..<10).map(Double.init))
        let reduced = try await server.get(
            "/api/readings?device=a&metric=t&points=2&from=\(Self.start)&to=\(Self.start + 10)", token: token,
            headers: [("Accept", "text/csv")])
        #expect(reduced.text.hasPrefix("time,device,metric,value,unit,min,max,count\r\n"))
        #expect(reduced.text.contains(",a,t,2,,0,4,5\r\n"))
        try await server.stop()
    }

    @Test("A range read in many pages is complete")
    func pages() async throws {
        let server = try await LiveServer()
        for part in 0..<10 {
            // Fifty values per instant, so that page boundaries fall within an instant.
            for number in part * 500..<part * 500 + 500 {
                try server.ingest("sensors/a", #"{"v":\#(number),"ts":\#(Self.start + number / 50)}"#)
            }
        }
        let token = try await server.token()
        let answer = try await server.get(
            "/api/readings?device=a&metric=v", token: token, headers: [("Accept", "application/x-ndjson")])
        let values = try answer.text.split(separator: "\n").compactMap {
            try JSON(parsing: String($0))["value"]?.number
        }
        #expect(values == (0..<5000).map(Double.init))
        try await server.stop()
    }

    @Test("Rooms that the token does not grant look nonexistent")
    func grants() async throws {
        let server = try await Self.server()
        let narrow = try await server.token(join: ["sensors/b"])
        #expect(try await server.get("/api/readings?device=b", token: narrow).status == 200)
        let other = try await server.get("/api/readings?device=a", token: narrow)
        let missing = try await server.get("/api/readings?device=none", token: narrow)
        #expect(other.status == 404 && missing.status == 404)
        #expect(try await server.get("/api/readings?device=a").status == 401)
        #expect(try await server.get("/api/dead-letters", token: narrow).status == 403)
        try await server.stop()
    }

    @Test(
        "An invalid query is rejected with what is allowed",
        arguments: [
            ("?metric=t", 400, "device"), ("?device=a&points=0", 400, "points"),
            ("?device=a&points=10001", 400, "points"),
            ("?device=a&from=yesterday", 400, "from"), ("?device=a&from=2&to=1", 400, "before"),
            ("?device=a&to=1e300", 400, "to"), ("?device=a&format=xml", 400, "allowed: json, csv, ndjson"),
        ])
    func mistakes(query: String, status: Int, word: String) async throws {
        let server = try await Self.server()
        let answer = try await server.get("/api/readings\(query)", token: try await server.token())
        #expect(answer.status == status)
        #expect(try answer.json["detail"]?.string?.contains(word) == true)
        try await server.stop()
    }

    @Test("Spaces in the query may be encoded as `+`", arguments: ["cold%20store", "cold+store"])
    func spaces(device: String) async throws {
        let server = try await LiveServer()
        try server.ingest("sensors/cold store", #"{"t":1}"#)
        let answer = try await server.get("/api/readings?device=\(device)&metric=t", token: try await server.token())
        #expect(answer.status == 200)
        try await server.stop()
    }

    @Test("An unsupported media type gets 406; the first supported one is used")
    func forms() async throws {
        let server = try await Self.server()
        let token = try await server.token()
        func status(_ accept: String) async throws -> (Int, String) {
            let answer = try await server.get("/api/readings?device=a", token: token, headers: [("Accept", accept)])
            return (answer.status, answer.header("content-type") ?? "")
        }
        #expect(try await status("image/png").0 == 406)
        #expect(try await status("image/png, text/csv;q=0.5").1.hasPrefix("text/csv"))
        #expect(try await status("*/*").1.hasPrefix("application/json"))
        try await server.stop()
    }

    @Test("The query's format takes precedence over `Accept`, so that a link can name it")
    func formatInQuery() async throws {
        let server = try await Self.server()
        let token = try await server.token()
        let csv = try await server.get(
            "/api/readings?device=a&metric=t&format=csv", token: token, headers: [("Accept", "application/json")])
        #expect(csv.header("content-type")?.hasPrefix("text/csv") == true)
        #expect(csv.text.components(separatedBy: "\r\n").count == 12)
        try await server.stop()
    }

    @Test("A chart names the limits of the rules that watch it, to clients that may see the device")
    func limits() async throws {
        let server = try await LiveServer(alertRules: [
            AlertRule(name: "hot", metric: "t", condition: .above(30), severity: .critical),
            AlertRule(name: "range", metric: "t", devices: [DevicePattern("a*")], condition: .outside(5...25)),
            AlertRule(name: "other", metric: "t", devices: [DevicePattern("b")], condition: .below(7)),
            AlertRule(name: "silent", metric: "t", condition: .noData(.seconds(60))),
        ])
        try server.ingest("sensors/a", #"{"t":20,"h":50}"#)
        try server.ingest("sensors/b", #"{"t":20}"#)
        let token = try await server.token(join: ["sensors/a"])
        let series = try await server.get("/api/readings?device=a", token: token).json["series"]?.array ?? []
        #expect(series.first { $0["metric"]?.string == "h" }?["limits"] == nil)
        let limits = series.first { $0["metric"]?.string == "t" }?["limits"]?.array ?? []
        #expect(limits.compactMap { $0["above"]?.number } == [30, 25])
        #expect(limits.compactMap { $0["below"]?.number } == [5])
        #expect(limits.first?["severity"]?.string == "critical")
        #expect(try await server.get("/api/readings?device=b", token: token).status == 404)
        try await server.stop()
    }

    @Test("Text that a spreadsheet would evaluate is escaped, and commas are quoted")
    func formulae() async throws {
        let server = try await LiveServer()
        try server.ingest("sensors/=SUM(A1)", #"{"a,b":1}"#)
        let answer = try await server.get(
            "/api/readings?device=%3DSUM(A1)", token: try await server.token(), headers: [("Accept", "text/csv")])
        #expect(answer.text.contains(#"Z,"'=SUM(A1)","a,b",1,"#))
        try await server.stop()
    }

    @Test(
        "Combining marks after a comma, quote or sign do not prevent escaping",
        arguments: [
            ("a\u{600},b", "\"a\u{600},b\""), ("a,\u{301}b", "\"a,\u{301}b\""), ("=\u{301}A1", "\"'=\u{301}A1\""),
            ("a\"\u{301}b", "\"a\"\"\u{301}b\""), ("a\r\nb", "\"a\r\nb\""), ("\t=A1", "\"'\t=A1\""), ("°C", "°C"),
        ])
    func graphemes(text: String, field: String) {
        #expect(String(decoding: ReadingText.field(text), as: UTF8.self).utf8.elementsEqual(field.utf8))
    }

    @Test("Devices are listed with the time at which they were first seen, also after a restart")
    func devices() async throws {
        let server = try await Self.server()
        let token = try await server.token()
        let before = try await server.get("/api/devices", token: token).json["devices"]?.array ?? []
        #expect(before.compactMap { $0["first_seen"]?.number }.count == 2)
        try await server.stop()
    }

    @Test("Alerts are visible with the device's room, and changeable for the rule's recipients and notifiers")
    func alerts() async throws {
        let rule = AlertRule(
            name: "hot", metric: "t", condition: .above(30), recipients: .init(users: ["ada"]))
        let server = try await LiveServer(alertRules: [rule])
        try server.ingest("sensors/a/t", "31")
        let ada = try await server.token("ada")
        let list = try await server.get("/api/alerts?state=firing", token: ada).json["alerts"]?.array ?? []
        let id = try #require(list.first?["alert_id"]?.string)
        let blind = try await server.token("ada", join: ["chat/#"])
        #expect(try await server.get("/api/alerts", token: blind).json["alerts"]?.array?.isEmpty == true)
        func post(_ token: String, _ path: String, _ body: String = "{}") async throws -> Int {
            try await server.post("/api/alerts/\(id)/\(path)", token: token, body).status
        }
        #expect(try await post(blind, "acknowledge") == 404)
        #expect(try await post(try await server.token("eve"), "acknowledge") == 403)
        #expect(try await post(try await server.token("ops", notify: true), "acknowledge") == 200)
        #expect(try await post(ada, "silence", #"{"for":"1h"}"#) == 200)
        #expect(try await post(ada, "silence", #"{"for":"-1h"}"#) == 400)
        let changed = try #require(
            try await server.get("/api/alerts", token: ada).json["alerts"]?.array?.first)
        #expect(changed["acknowledged_by"]?.string == "ops" && changed["silenced_until"] != nil)
        try server.ingest("sensors/a/t", "20")
        #expect(try await post(ada, "acknowledge") == 409)
        let past = try await server.get("/api/alerts?from=0&to=1", token: ada).json["alerts"]?.array
        #expect(past?.isEmpty == true)
        try await server.stop()
    }
}
