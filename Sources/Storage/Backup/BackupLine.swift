import Core
import Foundation
import GRDB

/// The format of rows in a backup: `{"table":"notification","user":"ada","created_at":"1795446000000000000",…}`.
///
/// Integers are strings, because times in nanoseconds exceed 2^53, above which many JSON parsers lose precision. Blobs
/// are strings if they are UTF-8, as JSON payloads are, and otherwise `{"base64":…}`.
enum BackupLine {
    static func bytes(_ table: String, _ row: Row) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"table\":", to: &bytes)
        JSONWriter.append(table, to: &bytes)
        for (column, value) in row where !BackupTable.ownColumns.contains(column) {
            bytes.append(UInt8(ascii: ","))
            JSONWriter.append(column, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            append(value, to: &bytes)
        }
        JSONWriter.append(raw: "}\n", to: &bytes)
        return bytes
    }

    static func bytes(_ series: StoredSeries, _ values: [StoredValue]) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("table", "reading")
        object.add("device", series.device)
        object.add("room_id", series.room)
        object.add("metric", series.metric)
        if let unit = series.unit { object.add("unit", unit) }
        let head = object.finished().dropLast()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * (head.count + 64))
        for value in values {
            bytes += head
            JSONWriter.append(raw: ",\"time\":\"", to: &bytes)
            value.time.appendExactRFC3339(to: &bytes)
            JSONWriter.append(raw: "\",\"value\":", to: &bytes)
            JSONWriter.append(value.value, to: &bytes)
            JSONWriter.append(raw: "}\n", to: &bytes)
        }
        return bytes
    }

    private static func append(_ value: DatabaseValue, to bytes: inout [UInt8]) {
        switch value.storage {
        case .null: JSONWriter.append(raw: "null", to: &bytes)
        case .int64(let integer): JSONWriter.append(String(integer), to: &bytes)
        case .double(let number): JSONWriter.append(number, to: &bytes)
        case .string(let text): JSONWriter.append(text, to: &bytes)
        case .blob(let data):
            if let text = String(validating: data, as: UTF8.self) {
                JSONWriter.append(text, to: &bytes)
            } else {
                var object = JSONObjectBuilder()
                object.add("base64", data.base64EncodedString())
                bytes += object.finished()
            }
        }
    }

    /// Returns the value for a column of that declared type, or `nil` if the types do not match.
    static func value(_ value: JSONValue?, type: String) -> DatabaseValue? {
        switch (value, type) {
        case (nil, _), (.null, _): return .null
        case (.string(let text), "INTEGER"): return Int64(text)?.databaseValue
        case (.number(let number), "INTEGER"): return Int64(exactly: number)?.databaseValue
        case (.number(let number), "REAL"): return number.databaseValue
        case (.string(let text), "BLOB"): return Data(text.utf8).databaseValue
        case (.some(let object), "BLOB"):
            return object["base64"]?.stringValue.flatMap { Data(base64Encoded: $0) }?.databaseValue
        case (.string(let text), "TEXT"): return text.databaseValue
        default: return nil
        }
    }
}

extension DatabaseValue {
    /// The value as text, also from a blob that is UTF-8; `nil` for other values.
    var text: String? {
        switch storage {
        case .string(let text): text
        case .blob(let data): String(validating: data, as: UTF8.self)
        default: nil
        }
    }
}

/// The tables that a backup contains row by row, column by column. Readings and messages have line formats of their
/// own, because they refer to series and rooms by ids that are valid only in their database.
enum BackupTable: String, CaseIterable {
    case device
    case user
    case notification
    case alert
    case silence = "alert_silence"
    case deadLetter = "dead_letter"

    /// Columns whose values are meaningful only within one database.
    static let ownColumns: Set<String> = ["id", "number", "due_at"]

    /// The primary key. Pages of the table are read in its order.
    var key: [String] {
        switch self {
        case .device: ["room", "name"]
        case .user: ["name"]
        case .notification: ["user", "sequence"]
        case .alert: ["number"]
        case .silence: ["rule", "room", "device"]
        case .deadLetter: ["id"]
        }
    }

    /// The columns by which an import recognises a row that already exists.
    var identity: [String] {
        switch self {
        case .device, .user, .silence: key
        case .notification: ["user", "notification_id"]
        case .alert: ["alert_id"]
        case .deadLetter: ["topic", "reason"]
        }
    }
}
