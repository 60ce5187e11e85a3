import Foundation
import Telemetry
import Testing

@testable import Storage

/// What was exported comes back as it was, as often as one likes, and beside a gateway that goes on.
@Suite("Backup")
struct BackupTests {
    private let source = StorageFixture()
    private let target = StorageFixture()
    private static let always = Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)

    /// A database with something of everything.
    private func fill(_ database: Database) throws {
        let store = ReadingStore()
        let device = try #require(DeviceID("a"))
        try database.write { transaction in
            for second in 0..<50 {
                let reading = Reading(
                    device: device, room: "sensors/a",
                    metrics: [Metric(name: "t", value: Double(second) / 3, unit: "°C"), Metric(name: "h", value: 1)],
                    time: Timestamp(nanosecondsSinceEpoch: at(Int64(second)).nanosecondsSinceEpoch + 123_456_789),
                    receivedAt: at(100))
                _ = try store.append([reading, reading], in: transaction)
            }
            for number in 1...3 { try transaction.say(number, in: "chat/\"ops\"") }
            try transaction.remember(user: "ada", at: at(5))
            try transaction.notify("n1", "ada", at: at(6))
            try transaction.add(
                DeadLetter(topic: "x", reason: "no_number", detail: "why", payload: [0xFF, 0], at: at(7)), maxCount: 9)
            try transaction.save(
                StoredAlert(
                    alertID: "al", rule: "hot", title: "Hot", severity: "critical", device: "a", room: "sensors/a",
                    metric: "t",
                    value: 31.5, state: .resolved, condition: "above 30", message: "hot", pendingAt: at(8)))
        }
    }

    private static func lines(_ database: Database) throws -> [String] {
        var bytes: [UInt8] = []
        _ = try database.export(readingsIn: always, at: at(1)) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @discardableResult
    private static func restore(_ lines: [String], into database: Database) throws -> BackupTotals {
        var backup = try BackupImport(into: database, at: at(1000))
        for line in lines { try backup.take(Array(line.utf8)) }
        try backup.flush()
        return backup.totals
    }

    @Test("Everything comes back as it was, equal readings as often as they were")
    func roundTrip() throws {
        let first = try source.open()
        try fill(first)
        let exported = try Self.lines(first)
        let second = try target.open()
        let totals = try Self.restore(exported, into: second)
        #expect(totals.values == 200 && totals.rows == 8 && totals.skipped == 0)
        #expect(try Self.lines(second).dropFirst().sorted() == exported.dropFirst().sorted())
        #expect(try second.read { try $0.lastOffset(of: "chat/\"ops\"") } == 3)
    }

    @Test("A second time everything is there already")
    func again() throws {
        let first = try source.open()
        try fill(first)
        let exported = try Self.lines(first)
        let second = try target.open()
        try Self.restore(exported, into: second)
        let totals = try Self.restore(exported, into: second)
        #expect(totals.values == 0 && totals.rows == 0 && totals.skipped == 208)
    }

    @Test("A room that has spoken since keeps its own history")
    func rooms() throws {
        let first = try source.open()
        try fill(first)
        let second = try target.open()
        try second.write { _ = try $0.say(9, in: "chat/\"ops\"") }
        try Self.restore(try Self.lines(first), into: second)
        #expect(try second.read { try $0.messages(in: "chat/\"ops\"", after: 0, limit: 9).map(\.messageID) } == ["m9"])
    }

    @Test("A gateway that had the same series does not stumble over those that the import made")
    func beside() throws {
        let first = try source.open()
        try fill(first)
        let serving = try target.open()
        let store = ReadingStore()
        func reading(_ metric: String, _ value: Double) throws -> Reading {
            Reading(
                device: try #require(DeviceID("a")), room: "sensors/a",
                metrics: [Metric(name: metric, value: value, unit: "°C")], time: at(500), receivedAt: at(500))
        }
        _ = try serving.write { try store.append([try reading("p", 1)], in: $0) }
        let other = try target.open()
        try Self.restore(try Self.lines(first), into: other)
        _ = try serving.write { try store.append([try reading("t", 99)], in: $0) }
        let values = try serving.read { snapshot in
            let series = try snapshot.series(of: "a").filter { $0.metric == "t" }.map(\.id)
            #expect(series.count == 1)
            return try snapshot.values(of: series, in: Self.always, after: nil, limit: 1000).count
        }
        #expect(values == 101)
    }

    @Test(
        "What is no export is refused with the line",
        arguments: [
            ([#"{"some":"thing"}"#], "line 1"), (["{\"windsock_export\":2}"], "newer version"),
            (["{\"windsock_export\":1}", "{"], "line 2"),
            (["{\"windsock_export\":1}", #"{"table":"setting"}"#], "no table"),
            (["{\"windsock_export\":1}", #"{"table":"reading","device":"a/b"}"#], "a reading has"),
            (["{\"windsock_export\":1}", #"{"table":"alert","pending_at":"soon"}"#], "pending_at"),
        ])
    func mistakes(lines: [String], expected: String) throws {
        let database = try target.open()
        let error = #expect(throws: BackupImport.Mistake.self) { try Self.restore(lines, into: database) }
        #expect(error?.description.contains(expected) == true)
    }

    @Test("A range leaves out the readings outside of it")
    func range() throws {
        let first = try source.open()
        try fill(first)
        let totals = try first.export(readingsIn: at(10)..<at(20), at: at(1)) { _ in }
        #expect(totals.values == 40)
    }
}
