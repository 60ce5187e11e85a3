import Core
import GRDB
import Telemetry

/// The values allowed in a field of a backup line. Only values that a gateway itself could have stored are allowed,
/// because others could make it fail later.
enum BackupField: Sendable {
    /// The name of a device or user.
    case name
    /// The name of a room with a history, as clients may choose it.
    case room
    /// The name of a room of readings, as produced by a route's template.
    case telemetryRoom
    case text(ClosedRange<Int>)
    case metric
    case word([String])
    /// A whole number.
    case integer(ClosedRange<Int64>)
    /// Nanoseconds since 1970.
    case time
    /// A JSON object.
    case payload
    case bytes(Int)
    case number

    /// An offset, sequence number or count, from 1. Limited to half of the possible offsets, so that an imported room
    /// has offsets left for new messages.
    static let positive = integer(1...StoredMessage.maxOffset / 2)
    static let count = integer(0...StoredMessage.maxOffset)
    static let identifier = text(1...256)

    static let maxRoomByteCount = 256
    private static let maxTelemetryRoomByteCount = 4096
    /// The maximum size of a payload. A gateway with default limits stores only smaller ones, and clients accept no
    /// larger message.
    private static let maxPayloadByteCount = 1 << 20

    /// Returns true if the value is allowed. Null always is: the schema decides which columns may be null.
    func accepts(_ value: DatabaseValue) -> Bool {
        if value.isNull { return true }
        switch self {
        case .name: return value.text.map { DeviceID($0) != nil && $0.isInNormalForm } ?? false
        case .room: return value.text.map { Self.isRoom($0, upTo: Self.maxRoomByteCount) } ?? false
        case .telemetryRoom: return value.text.map { Self.isRoom($0, upTo: Self.maxTelemetryRoomByteCount) } ?? false
        case .metric:
            return value.text.map {
                (1...Metric.maximumNameByteCount).contains($0.utf8.count) && $0.isInNormalForm
            } ?? false
        case .text(let range): return value.text.map { range.contains($0.utf8.count) } ?? false
        case .word(let words): return value.text.map(words.contains) ?? false
        case .integer(let range): return Int64.fromDatabaseValue(value).map(range.contains) ?? false
        case .time: return Int64.fromDatabaseValue(value).map { $0 >= 0 } ?? false
        case .payload: return value.text.map(Self.isPayload) ?? false
        case .bytes(let limit):
            if case .blob(let data) = value.storage { return data.count <= limit }
            return false
        case .number: return Double.fromDatabaseValue(value)?.isFinite ?? false
        }
    }

    /// A description of the allowed values, for error messages.
    var allowed: String {
        switch self {
        case .name: "1 to \(DeviceID.maximumByteCount) bytes in Unicode NFC, without /, +, # and control characters"
        case .room: Self.room(upTo: Self.maxRoomByteCount)
        case .telemetryRoom: Self.room(upTo: Self.maxTelemetryRoomByteCount)
        case .metric: "1 to \(Metric.maximumNameByteCount) bytes in Unicode NFC"
        case .text(let range): "text of \(range.lowerBound) to \(range.upperBound) bytes"
        case .word(let words): words.joined(separator: ", ")
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .time: "nanoseconds since 1970, 0 to \(Int64.max)"
        case .payload: "a JSON object of at most \(Self.maxPayloadByteCount) bytes"
        case .bytes(let limit): "at most \(limit) bytes"
        case .number: "a number"
        }
    }

    private static func room(upTo byteCount: Int) -> String {
        "1 to \(byteCount) bytes in Unicode NFC, without +, # and NUL, at most \(TopicName.maximumLevelCount) levels"
    }

    private static func isRoom(_ text: String, upTo byteCount: Int) -> Bool {
        guard text.utf8.count <= byteCount, text.isInNormalForm, let filter = try? TopicFilter(text) else {
            return false
        }
        return filter.isName
    }

    private static func isPayload(_ text: String) -> Bool {
        guard text.utf8.count <= maxPayloadByteCount else { return false }
        return (try? JSONParser.parse(Array(text.utf8)))?.objectValue != nil
    }

    // MARK: Tables

    private static let longText = text(0...65_536)

    /// The fields of a reading. The lines of readings, rooms and messages have formats of their own.
    static let reading: [String: BackupField] = [
        "device": .name, "room_id": .telemetryRoom, "metric": .metric,
        "unit": .text(0...64),
    ]
    static let roomLine: [String: BackupField] = ["name": .room, "last_offset": .positive]
    static let message: [String: BackupField] = [
        "room": .room, "offset": .positive, "message_id": .identifier, "type": .word(StoredMessage.types),
        "payload": .payload, "created_at": .time,
    ]

    /// Returns the fields of a table that is written column by column. Columns without an entry accept any value of
    /// their type.
    static func fields(of table: BackupTable) -> [String: BackupField] {
        switch table {
        case .device: ["room": .telemetryRoom, "name": .name, "first_seen": .time, "last_seen": .time]
        case .user: ["name": .name, "last_seen": .time]
        case .notification:
            [
                "user": .name, "sequence": .positive, "notification_id": .identifier, "payload": .payload,
                "created_at": .time, "expires_at": .time, "read_at": .time,
                "sender": .text(0...DeviceID.maximumByteCount),
            ]
        case .alert:
            [
                "alert_id": .identifier, "rule": .identifier, "title": longText,
                "severity": .word(["info", "warning", "critical"]), "device": .name, "room": .telemetryRoom,
                "metric": .metric, "unit": .text(0...64), "value": .number,
                "state": .word(StoredAlert.State.allCases.map(\.rawValue)), "condition": longText, "message": longText,
                "pending_at": .time, "fired_at": .time, "resolved_at": .time, "told_at": .time,
                "acknowledged_at": .time, "acknowledged_by": .name, "trace_id": .text(0...64),
                "traceparent": .text(0...256), "announced": .integer(0...1),
            ]
        case .silence:
            ["rule": .identifier, "room": .telemetryRoom, "device": .name, "until": .time, "user": .name]
        case .deadLetter:
            [
                "topic": .text(1...TopicName.maximumByteCount), "reason": .text(1...64), "detail": longText,
                "payload": .bytes(DeadLetter.maxPayloadBytes), "payload_bytes": .count, "count": .positive,
                "first_at": .time, "last_at": .time, "trace_id": .text(0...64),
            ]
        }
    }
}
