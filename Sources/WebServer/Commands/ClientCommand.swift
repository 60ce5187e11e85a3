package import Core
import Realtime
import Services
import Telemetry

/// A message from a client: a parsed envelope whose command is not interpreted yet.
package struct ClientCommand {
    /// The longest `id` in bytes.
    package static let maxIDByteCount = 128
    /// The largest number of JSON values in a message, objects and arrays included. No command comes close.
    package static let maxValues = 256
    /// The size in bytes that counts as one more command in the rate limits of a client and its user. A message of
    /// 10,000 bytes counts as three commands.
    package static let chargedByteCount = 4096
    /// The longest `type` in bytes; longer than the name of any command.
    private static let maxTypeByteCount = 64
    private static let maxKeyByteCount = 128

    package let type: String
    /// The client's id of the command, echoed in the answer.
    package let id: String?
    package let payload: JSONValue
    /// The client's span, if it sent a valid `traceparent`.
    package let trace: TraceContext?
    /// The time at which the gateway read the message.
    package let receivedAt: Timestamp

    /// True for `join_room`, whose answer may be followed by latest readings or missed messages.
    var isJoin: Bool { type == "join_room" }

    /// Creates a command from an HTTP request, whose body is the payload.
    init(type: String, payload: JSONValue) {
        self.type = type
        self.id = nil
        self.payload = payload
        self.trace = nil
        self.receivedAt = Timestamp(nanosecondsSinceEpoch: 0)
    }

    /// Parses the JSON text of a message, and checks its envelope but not its payload's content. An error has
    /// the message's `id` if that can be read.
    init(json text: String, receivedAt: Timestamp) throws(CommandError) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(Array(text.utf8), maxValues: Self.maxValues)
        } catch {
            throw CommandError(.badRequest, "The message is not valid JSON: \(error)")
        }
        do throws(CommandError) {
            try self.init(value, receivedAt: receivedAt)
        } catch {
            var error = error
            error.commandID = try? Self.id(of: value)
            throw error
        }
    }

    /// Returns the `id` of a message that exceeds a rate limit, for matching the error to the command. `nil` if the
    /// message has none, or if it is larger than ``chargedByteCount`` and therefore not parsed.
    static func id(ofRefused text: String) -> String? {
        guard text.utf8.count <= chargedByteCount,
            let value = try? JSONParser.parse(Array(text.utf8), maxValues: maxValues)
        else { return nil }
        return try? id(of: value)
    }

    private init(_ value: JSONValue, receivedAt: Timestamp) throws(CommandError) {
        guard value.objectValue != nil else {
            throw CommandError(.badRequest, "The message must be a JSON object with \"type\" and \"payload\".")
        }
        self.receivedAt = receivedAt
        self.id = try Self.id(of: value)
        guard let type = value["type"]?.stringValue, type.utf8.count <= Self.maxTypeByteCount else {
            throw CommandError(
                .badRequest,
                "\"type\" must be a string of at most \(Self.maxTypeByteCount) bytes, such as \"join_room\".")
        }
        self.type = type
        self.payload = value["payload"] ?? .object([])
        self.trace = value["traceparent"]?.stringValue.flatMap {
            TraceContext(traceparent: $0, state: value["tracestate"]?.stringValue)
        }
        guard payload.objectValue != nil else {
            throw CommandError(.badRequest, "\"payload\" must be an object.")
        }
    }

    private static func id(of value: JSONValue) throws(CommandError) -> String? {
        switch value["id"] {
        case nil, .null: return nil
        case .string(let id) where id.utf8.count <= maxIDByteCount: return id
        default:
            throw CommandError(.badRequest, "\"id\" must be a string of at most \(maxIDByteCount) bytes.")
        }
    }

    /// Returns the room or filter that the command names in `room_id`.
    func filter() throws(CommandError) -> TopicFilter { try ClientNames.filter(payload["room_id"]) }

    /// Returns the one room that the command names in `room_id`.
    func room() throws(CommandError) -> TopicFilter { try ClientNames.room(payload["room_id"]) }

    /// Returns the text of a chat message.
    func content() throws(CommandError) -> String {
        guard let content = payload["content"]?.stringValue else {
            throw CommandError(.badRequest, "\"content\" must be a string.")
        }
        return content
    }

    /// Returns the key that lets the server de-duplicate a resent message, if the client set one.
    func idempotencyKey() throws(CommandError) -> String? {
        switch payload["idempotency_key"] {
        case nil, .null: return nil
        case .string(let key) where (1...Self.maxKeyByteCount).contains(key.utf8.count): return key
        default:
            throw CommandError(
                .badRequest, "\"idempotency_key\" must be a string of 1 to \(Self.maxKeyByteCount) bytes.")
        }
    }
}

/// The reason that a command failed, as sent in an `error` message.
package struct CommandError: Error, Equatable {
    /// The machine-readable error code.
    package enum Code: String, Sendable {
        case badRequest = "bad_request"
        case unknownType = "unknown_type"
        case forbidden
        case notJoined = "not_joined"
        case tooLarge = "too_large"
        case rateLimited = "rate_limited"
        case overloaded
        case notFound = "not_found"
        case conflict
        case expired
        case `internal`
    }

    package let code: Code
    /// The human-readable explanation: what is wrong and what is allowed.
    package let message: String
    /// True when the same command may succeed later.
    package let isTemporary: Bool
    /// The `id` of a message that is not a valid command, for matching the error to it.
    var commandID: String?

    package init(_ code: Code, _ message: String, isTemporary: Bool = false) {
        self.code = code
        self.message = message
        self.isTemporary = isTemporary
    }

    /// Creates the error that a WebSocket client gets for an error of a service.
    init(_ error: RequestError) {
        switch error.kind {
        case .invalid: self.init(.badRequest, error.description)
        case .tooLarge: self.init(.tooLarge, error.description)
        case .conflict: self.init(.conflict, error.description)
        case .notFound: self.init(.notFound, error.description)
        case .rateLimited: self.init(.rateLimited, error.description, isTemporary: true)
        case .overloaded: self.init(.overloaded, error.description, isTemporary: true)
        case .storage: self.init(.internal, error.description, isTemporary: true)
        }
    }

    /// Creates the error that a client gets for a new token that cannot be used.
    init(_ error: AuthenticationError) {
        switch error {
        case .expired, .notYetValid: self.init(.expired, error.description)
        default: self.init(.forbidden, error.description)
        }
    }

    /// Returns the `error` message that answers the command with this id.
    func message(replyTo id: String?, at now: Timestamp) -> Message {
        var payload = JSONObjectBuilder()
        payload.add("code", code.rawValue)
        payload.add("message", message)
        payload.add("temporary", isTemporary)
        return Message(type: .error, payload: payload.finished(), timestamp: now, replyTo: id)
    }
}
