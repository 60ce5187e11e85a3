import Realtime
import Services
import Telemetry

/// Why a command was not carried out, as the `error` message tells it.
package struct CommandError: Error, Equatable {
    /// The machine's word for it.
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
    /// Names the thing and what is allowed.
    package let message: String
    /// Whether the same command may succeed later.
    package let isTemporary: Bool

    package init(_ code: Code, _ message: String, isTemporary: Bool = false) {
        self.code = code
        self.message = message
        self.isTemporary = isTemporary
    }

    /// What a service's refusal is called on the socket.
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

    /// The `error` message that answers the command with that id.
    func message(replyTo id: String?, at now: Timestamp) -> Message {
        var payload = JSONObjectBuilder()
        payload.add("code", code.rawValue)
        payload.add("message", message)
        payload.add("temporary", isTemporary)
        return Message(type: .error, payload: payload.finished(), timestamp: now, replyTo: id)
    }
}
