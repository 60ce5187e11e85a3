import Core
import Foundation
import GRDB
import Telemetry
import Testing

@testable import Storage

/// An export can be imported any number of times and beside a running gateway, and restores the same data.
@Suite("Backup")
struct BackupTests {
    private let source = StorageFixture()
    private let target = StorageFixture()
    static let always = Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)

    /// Fills a database with data of every kind.
    private func fill(_ database: Storage.Database) throws {
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
            try transaction.recordVisit(of: "ada", at: at(5))
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

    private static func lines(_ database: Storage.Database) throws -> [String] {
        var bytes: [UInt8] = []
        _ = try database.export(readingsIn: always, at: at(1)) { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @discardableResult
    static func restore(
        _ lines: [String], into database: Storage.Database, oldest: Timestamp = always.lowerBound
    ) throws -> BackupTotals {
        var backup = try BackupImport(into: database, at: at(1000), oldest: oldest)
        for line in lines { try backup.take(Array(line.utf8)) }
        try backup.finish()
        return backup.totals
    }

    /// Returns a complete export with those rows and values.
    static func export(rows: [String] = [], values: [String] = []) -> [String] {
        [#"{"windsock_export":1}"#] + rows + values
            + [#"{"windsock_export_end":1,"values":\#(values.count),"rows":\#(rows.count)}"#]
    }

    private static func text(_ time: Timestamp) -> String {
        var bytes: [UInt8] = []
        time.appendExactRFC3339(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func value(_ device: String, at second: Int, _ value: Double) -> String {
        #"{"table":"reading","device":"\#(device)","room_id":"sensors/\#(device)","metric":"t","#
            + #""time":"\#(text(at(Int64(second))))","value":\#(value)}"#
    }

    private static func notification(_ id: String, _ sequence: Int, at second: Int) -> String {
        #"{"table":"notification","user":"ada","sequence":"\#(sequence)","notification_id":"\#(id)","payload":"{}","#
            + #""created_at":"\#(at(Int64(second)).nanosecondsSinceEpoch)","expires_at":null,"read_at":null}"#
    }

    @Test("A firing alert is imported as resolved, and a pending one is omitted")
    func alerts() throws {
        let (first, second) = (try source.open(), try target.open())
        try first.write { transaction in
            for (id, state) in [("1", StoredAlert.State.firing), ("2", .pending), ("3", .resolved)] {
                try transaction.save(
                    StoredAlert(
                        alertID: id, rule: "hot", title: "Hot", severity: "info", device: "a", room: "sensors/a",
                        metric: "t", state: state, condition: "above 30", message: "hot", pendingAt: at(8)))
            }
        }
        try Self.restore(try Self.lines(first), into: second)
        let alerts = try second.read { try $0.alerts(AlertQuery()) }
        #expect(alerts.map(\.alertID).sorted() == ["1", "3"])
        #expect(alerts.allSatisfy { $0.state == .resolved })
        #expect(alerts.first { $0.alertID == "1" }?.resolvedAt == at(1000))
        #expect(try second.read { try $0.activeAlerts() }.isEmpty)
    }

    @Test("An import restores everything, with equal readings in the same number")
    func roundTrip() throws {
        let first = try source.open()
        try fill(first)
        let exported = try Self.lines(first)
        let second = try target.open()
        let totals = try Self.restore(exported, into: second)
        #expect(totals.values == 200 && totals.rows == 9 && totals.skipped == 0)
        #expect(try Self.lines(second).dropFirst().sorted() == exported.dropFirst().sorted())
        #expect(try second.read { try $0.lastOffset(of: "chat/\"ops\"") } == 3)
    }

    @Test("A repeated import changes nothing")
    func again() throws {
        let first = try source.open()
        try fill(first)
        let exported = try Self.lines(first)
        let second = try target.open()
        try Self.restore(exported, into: second)
        let totals = try Self.restore(exported, into: second)
        #expect(totals.values == 0 && totals.rows == 0 && totals.skipped == 209)
    }

    @Test("A room that has messages already keeps its own history")
    func rooms() throws {
        let first = try source.open()
        try fill(first)
        let second = try target.open()
        try second.write { _ = try $0.say(9, in: "chat/\"ops\"") }
        try Self.restore(try Self.lines(first), into: second)
        #expect(try second.read { try $0.messages(in: "chat/\"ops\"", after: 0, limit: 9).map(\.messageID) } == ["m9"])
    }

    @Test("A running gateway uses series that an import created")
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
        let values = try serving.read { snapshot throws in
            let series = try snapshot.series(of: "a").filter { $0.metric == "t" }.map(\.id)
            #expect(series.count == 1)
            return try snapshot.values(of: series, in: Self.always, after: nil, limit: 1000).count
        }
        #expect(values == 101)
    }

    @Test(
        "A file that is not an export is rejected with the line number",
        arguments: [
            ([#"{"some":"thing"}"#], "line 1"), ([], "not a Windsock"), (["{\"windsock_export\":2}"], "newer version"),
            (["{\"windsock_export\":1}", "{"], "line 2"),
            (["{\"windsock_export\":1}", #"{"table":"setting"}"#], "unknown table"),
            (["{\"windsock_export\":1}", #"{"table":"reading","device":"ab"}"#], "a reading requires"),
            (["{\"windsock_export\":1}", #"{"table":"alert","pending_at":"soon"}"#], "pending_at"),
            (["{\"windsock_export\":1}", #"{"table":"user","name":"ada"}"#], "NOT NULL constraint failed"),
            (["{\"windsock_export\":1}", #"{"table":"user"}"#], "at least one column"),
            (
                [
                    "{\"windsock_export\":1}",
                    #"{"table":"message","room":"a","offset":"1","message_id":"m","type":"alert","payload":"{}","#
                        + #""created_at":"1"}"#,
                ], "line for the room"
            ),
            (
                ["{\"windsock_export\":1}", #"{"windsock_export_end":1,"values":0,"rows":0}"#, "{}"],
                "after the export's end"
            ),
        ])
    func mistakes(lines: [String], expected: String) throws {
        let database = try target.open()
        let error = #expect(throws: StorageError.self) { try Self.restore(lines, into: database) }
        #expect(error?.description.contains(expected) == true)
    }

    @Test("A range excludes readings outside of it")
    func range() throws {
        let first = try source.open()
        try fill(first)
        let totals = try first.export(readingsIn: at(10)..<at(20), at: at(1)) { _ in }
        #expect(totals.values == 40)
    }

    @Test("A truncated export is reported, and its readable part is imported")
    func cutOff() throws {
        let first = try source.open()
        try fill(first)
        let exported = try Self.lines(first)
        let second = try target.open()
        let error = #expect(throws: StorageError.self) {
            try Self.restore(Array(exported.dropLast()), into: second)
        }
        #expect(error?.description.contains("cut off") == true)
        #expect(try Self.lines(second).dropFirst().sorted() == exported.dropFirst().sorted())
        // Cut off in the middle of a line, and with one line missing.
        let fixture = StorageFixture()
        let third = try fixture.open()
        var damaged = Array(exported[..<50])
        damaged.append(String(exported[50].prefix(20)))
        let cut = #expect(throws: StorageError.self) { try Self.restore(damaged, into: third) }
        #expect(cut?.description.hasPrefix("line 51: ") == true)
        #expect(try Self.lines(third).count == 51)
        var missing = exported
        missing.remove(at: 50)
        let other = #expect(throws: StorageError.self) { try Self.restore(missing, into: third) }
        #expect(other?.description.contains("lines are missing") == true)
        // The complete export fills the gaps, including the partly imported room.
        try Self.restore(exported, into: third)
        #expect(try Self.lines(third).dropFirst().sorted() == exported.dropFirst().sorted())
    }

    @Test("An error in the middle keeps the lines before it")
    func mistakeInTheMiddle() throws {
        let database = try target.open()
        let lines = Self.export(
            values: [Self.value("a", at: 1, 1), Self.value("a", at: 2, 2), #"{"table":"reading"}"#])
        let error = #expect(throws: StorageError.self) { try Self.restore(lines, into: database) }
        #expect(error?.description.hasPrefix("line 4: ") == true)
        #expect(try database.export(readingsIn: Self.always, at: at(1)) { _ in }.values == 2)
    }

    @Test("A series removed by retention during an import is created again, with an id of its own")
    func retentionMeanwhile() throws {
        let serving = try target.open()
        let store = ReadingStore()
        let other = try Storage.Database(writingBesideGatewayIn: target.directory)
        var backup = try BackupImport(into: other, at: at(100_000))
        let lines = Self.export(values: (0..<2500).map { Self.value("a", at: $0, Double($0)) })
        for line in lines[..<1100] { try backup.take(Array(line.utf8)) }
        // A thousand values were written: remove all of them and add another device.
        let series = try serving.read { try $0.agedSeries(before: at(5000), after: 0, limit: 9).aged }
        #expect(try serving.write { try store.remove(series[...], before: at(5000), limit: 5000, in: $0) } == (1, 1000))
        let stranger = Reading(
            device: try #require(DeviceID("b")), room: "sensors/b", metrics: [Metric(name: "t", value: -1)],
            time: at(1), receivedAt: at(1))
        _ = try serving.write { try store.append([stranger], in: $0) }
        for line in lines[1100...] { try backup.take(Array(line.utf8)) }
        try backup.finish()
        try serving.read { snapshot throws in
            func values(_ device: String) throws -> [Double] {
                let ids = try snapshot.series(of: device).map(\.id)
                return try snapshot.values(of: ids, in: Self.always, after: nil, limit: 5000).map(\.value)
            }
            #expect(try values("b") == [-1])
            #expect(try values("a") == (1000..<2500).map(Double.init))
            #expect(try Int.fetchOne(snapshot.database, sql: "SELECT count(*) FROM reading") == 1501)
        }
    }

    @Test("Values that retention would remove are skipped and counted")
    func outdated() throws {
        let database = try target.open()
        let lines = Self.export(values: (0..<10).map { Self.value("a", at: $0, 1) })
        let totals = try Self.restore(lines, into: database, oldest: at(4))
        #expect(totals.values == 6 && totals.outdated == 4 && totals.skipped == 0)
    }

    @Test("Imported notifications whose numbers are taken get new ones, in their original order")
    func notifications() throws {
        let database = try target.open()
        try database.write { transaction in
            for number in 1...3 { try transaction.notify("new\(number)", "ada", at: at(Int64(100 + number))) }
        }
        let lines = Self.export(rows: (1...5).map { Self.notification("old\($0)", $0, at: $0) })
        for expected in [(5, 0), (0, 5)] {
            let totals = try Self.restore(lines, into: database)
            #expect((totals.rows, totals.skipped) == expected)
        }
        func ids() throws -> [String] {
            try database.read {
                try $0.notifications(of: "ada", before: nil, unreadOnly: false, at: at(200), limit: 99)
                    .map(\.notificationID)
            }
        }
        #expect(try ids() == ["new3", "new2", "new1", "old5", "old4", "old3", "old2", "old1"])
        // Excess notifications are removed oldest first.
        try database.write { try $0.notify("newest", "ada", at: at(300), maxPerUser: 5) }
        #expect(try ids() == ["newest", "new3", "new2", "new1", "old5"])
    }

    @Test("Messages sent to a room during its import follow the imported ones")
    func talkMeanwhile() throws {
        let first = try source.open()
        try first.write { transaction in for number in 1...1500 { try transaction.say(number, in: "a") } }
        let serving = try target.open()
        var backup = try BackupImport(into: serving, at: at(1000))
        let lines = try Self.lines(first)
        for line in lines[..<1100] { try backup.take(Array(line.utf8)) }
        #expect(try serving.write { try $0.say(9999, in: "a") } == 1501)
        for line in lines[1100...] { try backup.take(Array(line.utf8)) }
        try backup.finish()
        #expect(backup.totals.rows == 1501 && backup.totals.skipped == 0)
        let said = try serving.read { try $0.messages(in: "a", after: 0, limit: 2000).map(\.messageID) }
        #expect(said == ((1...1500) + [9999]).map { "m\($0)" })
    }

    @Test("Tables are exported page by page, including rows added behind the current page")
    func pages() throws {
        let first = try source.open()
        try first.write { transaction in
            for number in 1000..<3500 { try transaction.recordVisit(of: UserID(unchecked: "u\(number)"), at: at(1)) }
        }
        var text = ""
        var isFirst = true
        _ = try first.export(readingsIn: Self.always, at: at(1)) { bytes in
            text += String(decoding: bytes, as: UTF8.self)
            guard isFirst, text.contains("u1000") else { return }
            isFirst = false
            try first.write { try $0.recordVisit(of: "u9999", at: at(2)) }
        }
        #expect(text.split(separator: "\n").filter { $0.contains(#""table":"user""#) }.count == 2501)
    }
}
