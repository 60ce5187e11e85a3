import HTTPTypes
import Services

extension Problem {
    /// What a service's refusal is called over HTTP.
    init(_ error: RequestError) {
        switch error.kind {
        case .invalid: self.init(.badRequest, error.description)
        case .tooLarge: self.init(.contentTooLarge, error.description)
        case .conflict: self.init(.conflict, error.description)
        case .notFound: self.init(.notFound, error.description)
        case .rateLimited: self.init(.tooManyRequests, error.description, headers: [.retryAfter: "1"])
        case .overloaded: self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "1"])
        case .storage: self.init(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
        }
    }

    /// The same refusal as on the socket.
    init(_ error: CommandError) {
        switch error.code {
        case .forbidden: self.init(.forbidden, error.message)
        case .tooLarge: self.init(.contentTooLarge, error.message)
        case .notFound: self.init(.notFound, error.message)
        case .conflict: self.init(.conflict, error.message)
        case .overloaded, .rateLimited: self.init(.serviceUnavailable, error.message, headers: [.retryAfter: "1"])
        case .badRequest, .unknownType, .notJoined: self.init(.badRequest, error.message)
        case .expired: self.init(.unauthorized, error.message)
        case .internal: self.init(.internalServerError, error.message)
        }
    }
}
