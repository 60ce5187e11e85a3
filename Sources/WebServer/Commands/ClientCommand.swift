import Core
import Services
package import Telemetry

/// A message from a client: the envelope, taken apart but not yet understood.
package struct ClientCommand {
    /// The most bytes of an `id`.
    package static let maxIDByteCount = 128
    /// The most values of a message, objects and arrays included: many more than any command has.
    package static let maxValues = 256
    /// Each of so many bytes counts as one more command in the rates of a client and its user.
    package static let chargedByteCount = 4096
    /// The most bytes of a `type`: more than any command's name has.
    private static let maxTypeByteCount = 64

    package let type: String
    /// Echoed in the answer.
    package let id: String?
    package let payload: JSONValue
    /// The client's span, when it sent a valid `traceparent`.
    package let trace: TraceContext?
    /// When the gateway read it.
    package let receivedAt: Timestamp

    /// Whether it joins a room, so that messages follow its answer.
    var isJoin: Bool { type == "join_room" }

    /// A command that came over HTTP: the body is its payload.
    init(type: String, payload: JSONValue) {
        self.type = type
        self.id = nil
        self.payload = payload
        self.trace = nil
        self.receivedAt = Timestamp(nanosecondsSinceEpoch: 0)
    }

    /// The reason why a message is no command.
    struct Refusal: Error {
        let error: CommandError
        /// The message's `id`, so that its error can be matched; nil when it has none that is valid.
        let id: String?
    }

    /// Takes an envelope apart.
    init(json text: String, receivedAt: Timestamp) throws(Refusal) {
        let value: JSONValue
        do {
            value = try JSONParser.parse(Array(text.utf8), maxValues: Self.maxValues)
        } catch {
            throw Refusal(error: CommandError(.badRequest, "The message is not JSON: \(error)"), id: nil)
        }
        do throws(CommandError) {
            try self.init(value, receivedAt: receivedAt)
        } catch {
            throw Refusal(error: error, id: try? Self.id(of: value))
        }
    }

    /// The `id` of a message that is over a rate, so that its error can be matched; nil when there is none. Large messages are
    /// not parsed for it.
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

    /// The room or filter that a command names.
    func room() throws(CommandError) -> TopicFilter {
        guard let text = payload["room_id"]?.stringValue else {
            throw CommandError(.badRequest, "\"room_id\" must be a string: a room such as sensors/greenhouse-1.")
        }
        guard text.utf8.count <= Self.maxRoomByteCount else {
            throw CommandError(.badRequest, "\"room_id\" has more than \(Self.maxRoomByteCount) bytes.")
        }
        guard text.isInNormalForm else {
            throw CommandError(.badRequest, "\"room_id\" must be in Unicode's form NFC.")
        }
        do {
            let filter = try TopicFilter(text)
            guard filter.shareGroup == nil else {
                throw CommandError(.badRequest, "\"room_id\" cannot be a shared subscription.")
            }
            guard filter.levels.count <= Self.maxRoomLevels else {
                throw CommandError(.badRequest, "\"room_id\" has more than \(Self.maxRoomLevels) levels.")
            }
            return filter
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError(.badRequest, "\"room_id\": \(error)")
        }
    }

    /// What a command says.
    func content() throws(CommandError) -> String {
        guard let content = payload["content"]?.stringValue else {
            throw CommandError(.badRequest, "\"content\" must be a string.")
        }
        return content
    }

    /// What makes a resend harmless, if the client named it.
    func idempotencyKey() throws(CommandError) -> String? {
        switch payload["idempotency_key"] {
        case nil, .null: return nil
        case .string(let key) where (1...Self.maxKeyByteCount).contains(key.utf8.count): return key
        default:
            throw CommandError(
                .badRequest, "\"idempotency_key\" must be a string of 1 to \(Self.maxKeyByteCount) bytes.")
        }
    }

    private static let maxRoomByteCount = 256
    private static let maxRoomLevels = 32
    private static let maxKeyByteCount = 128
}
