import Core
import Telemetry

/// The validation of names that clients send, in commands and in HTTP requests alike. Names must be in normal form NFC,
/// because Swift compares strings by canonical equivalence: another spelling could pass for the name of somebody else.
enum ClientNames {
    private static let maxRoomByteCount = 256
    private static let maxRoomLevels = 32

    /// Parses the value of a `room_id` that may be a room's name or a filter.
    static func filter(_ roomID: JSONValue?) throws(CommandError) -> TopicFilter {
        guard let text = roomID?.stringValue else {
            throw CommandError(.badRequest, "\"room_id\" must be a string such as \"sensors/greenhouse-1\".")
        }
        guard text.utf8.count <= maxRoomByteCount else {
            throw CommandError(
                .badRequest, "\"room_id\" has \(text.utf8.count) bytes; allowed: at most \(maxRoomByteCount).")
        }
        guard text.isInNormalForm else {
            throw CommandError(.badRequest, "\"room_id\" must be NFC-normalized Unicode.")
        }
        let filter: TopicFilter
        do throws(TopicError) {
            filter = try TopicFilter(text)
        } catch {
            throw CommandError(.badRequest, "\"room_id\": \(error)")
        }
        guard filter.shareGroup == nil else {
            throw CommandError(.badRequest, "\"room_id\" must not be a shared subscription.")
        }
        guard filter.levels.count <= maxRoomLevels else {
            throw CommandError(
                .badRequest, "\"room_id\" has \(filter.levels.count) levels; allowed: at most \(maxRoomLevels).")
        }
        return filter
    }

    /// Parses the value of a `room_id` that must name one room.
    static func room(_ roomID: JSONValue?) throws(CommandError) -> TopicFilter {
        let room = try filter(roomID)
        guard room.isName else {
            throw CommandError(.badRequest, "\"room_id\" must name one room; \(room.rawValue) is a filter.")
        }
        return room
    }

    /// Parses a user's name, given as the value of `field` or as an element of it.
    static func user(_ name: JSONValue?, in field: String) throws(CommandError) -> UserID {
        guard let user = name?.stringValue.flatMap({ UserID($0) }) else {
            throw CommandError(
                .badRequest,
                "\"\(field)\": a user name must be a string of 1 to \(UserID.maximumByteCount) bytes of NFC-normalized "
                    + "Unicode without /, + or #.")
        }
        return user
    }
}
