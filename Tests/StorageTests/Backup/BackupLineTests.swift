import Core
import Testing

@testable import Storage

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
}

/// Backup lines are accepted only when they hold data that a gateway would have stored.
@Suite("Backup lines")
struct BackupLineTests {
    private let fixture = StorageFixture()

    /// One valid line per accepted table, by table name.
    private static let sound: [String: [String: JSONValue]] = [
        "room": ["name": "chat/z", "last_offset": "5"],
        "message": [
            "room": "chat/z", "offset": "1", "message_id": "m", "type": "chat_message", "payload": "{}",
            "created_at": "1",
        ],
        "reading": [
            "device": "a", "room_id": "sensors/a", "metric": "t", "time": "2026-01-01T00:00:00Z", "value": .number(1),
        ],
        "device": ["room": "sensors/a", "name": "a", "first_seen": "1", "last_seen": "2"],
        "user": ["name": "ada", "last_seen": "1"],
        "notification": [
            "user": "ada", "sequence": "1", "notification_id": "n", "payload": "{}", "created_at": "1",
        ],
        "alert": [
            "alert_id": "al", "rule": "hot", "title": "Hot", "severity": "info", "device": "a", "room": "sensors/a",
            "metric": "t", "value": .number(1), "state": "resolved", "condition": "above", "message": "hot",
            "pending_at": "1", "announced": "1",
        ],
        "alert_silence": ["rule": "hot", "room": "sensors/a", "device": "a", "until": "1", "user": "ada"],
        "dead_letter": [
            "topic": "x", "reason": "empty", "detail": "why", "payload": "p", "payload_bytes": "1", "count": "1",
            "first_at": "1", "last_at": "1",
        ],
    ]

    private static func line(_ table: String, _ change: [String: JSONValue] = [:]) -> String {
        var fields = sound[table] ?? [:]
        for (name, value) in change { fields[name] = value }
        let members =
            [JSONMember(name: "table", value: .string(table))]
            + fields.map { JSONMember(name: $0.key, value: $0.value) }
        var bytes: [UInt8] = []
        JSONValue.object(members).append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let tooDeep = JSONValue.string(String(repeating: "a/", count: 128) + "a")
    /// Not normalised to NFC.
    private static let twoForms: JSONValue = "cafe\u{301}"
    private static let tooLong = JSONValue.string(String(repeating: "a", count: 70_000))

    @Test(
        "A line with values that a gateway stores is accepted, for every table", arguments: sound.keys.sorted())
    func soundLines(table: String) throws {
        let rows = table == "message" ? [Self.line("room"), Self.line(table)] : [Self.line(table)]
        let lines = table == "reading" ? BackupTests.export(values: rows) : BackupTests.export(rows: rows)
        let totals = try BackupTests.restore(lines, into: try fixture.open())
        #expect(totals.rows + totals.values == rows.count)
    }

    @Test(
        "A value that no gateway stores is rejected with line, table, field, value and what is allowed",
        arguments: [
            ("room", "last_offset", ["9223372036854775807", "9007199254740992", "0", "-1", "x", .number(0.5)]),
            ("room", "name", ["", "chat/+", "#", "a\0b", tooLong, tooDeep, "$share/g/a", twoForms, .number(1)]),
            ("message", "offset", ["0", "9223372036854775807"]), ("message", "message_id", ["", tooLong]),
            ("message", "type", ["x", "", tooLong]), ("message", "created_at", ["-1", "soon"]),
            ("message", "payload", ["", "[]", "{", #"{"a":1,"a":1}"#]), ("message", "room", ["a/#", ""]),
            ("reading", "device", ["a/b", "", tooLong]), ("reading", "metric", ["", tooLong, twoForms]),
            ("reading", "room_id", ["", "sensors/+", tooLong, twoForms]), ("reading", "unit", [tooLong]),
            ("device", "name", ["a/b", ""]), ("device", "room", ["#"]), ("device", "last_seen", ["-5"]),
            ("user", "name", ["", "a/b", twoForms]), ("user", "last_seen", ["-1", .number(1.5)]),
            ("notification", "sequence", ["9223372036854775807", "0"]),
            ("notification", "payload", ["x", "1", tooLong]),
            ("notification", "user", ["a/b"]), ("notification", "created_at", ["-1"]),
            ("notification", "notification_id", [""]),
            ("alert", "state", ["odd"]), ("alert", "severity", ["odd"]), ("alert", "pending_at", ["-1"]),
            ("alert", "device", ["a/b"]), ("alert", "announced", ["2"]), ("alert", "alert_id", [""]),
            ("alert_silence", "until", ["-1"]), ("alert_silence", "user", ["a/b"]),
            ("dead_letter", "count", ["9223372036854775807", "0"]), ("dead_letter", "payload", [tooLong]),
            ("dead_letter", "reason", [tooLong]), ("dead_letter", "payload_bytes", ["-1"]),
        ] as [(String, String, [JSONValue])])
    func unsoundLines(table: String, field: String, values: [JSONValue]) throws {
        for value in values {
            let fixture = StorageFixture()
            let database = try fixture.open()
            defer { withExtendedLifetime(fixture) {} }
            let rows = [Self.line("room"), Self.line(table, [field: value])]
            let error = #expect(throws: StorageError.self) {
                try BackupTests.restore(BackupTests.export(rows: rows), into: database)
            }
            #expect(error?.description.hasPrefix("line 3: \(table): \"\(field)\" is ") == true)
            #expect(error?.description.contains("; allowed: ") == true)
        }
    }
}
