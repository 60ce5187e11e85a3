import Core
import Foundation
import Telemetry

@testable import WebServer

/// Shared helpers of the token tests: a secret, claims, and calls to an authority.
enum TokenFixture {
    static let secret = "0123456789abcdef0123456789abcdef"

    /// Claims of user anna, valid for 100 s, with additional members such as `"iss":"x"`.
    static func claims(_ further: String = "", exp: Int = SettableClock.start + 100) -> String {
        #"{"sub":"anna","exp":\#(exp),"join":["sensors/#"]\#(further.isEmpty ? "" : ",\(further)")}"#
    }

    static func keySet(_ keys: [SigningKey]) -> String { keySet(keys.map { $0.jwk() }) }

    static func keySet(_ jwks: [String]) -> String { #"{"keys":[\#(jwks.joined(separator: ","))]}"# }

    /// Returns the error with which the authority rejects the token, or `nil` when it accepts it.
    static func refusal(of token: String, by authority: TokenAuthority) async -> AuthenticationError? {
        do throws(AuthenticationError) {
            _ = try await authority.identity(of: token)
            return nil
        } catch {
            return error
        }
    }

    static func identity(
        _ user: UserID = "anna", expiresAt: Timestamp = .init(nanosecondsSinceEpoch: .max),
        join: [String] = []
    ) throws -> Identity {
        Identity(
            user: user, expiresAt: expiresAt,
            grants: RoomGrants(user: user, join: try join.map { try TopicFilter($0) }))
    }
}

extension AuthenticationError? {
    /// The reason of `invalid`, otherwise an empty string.
    var reason: String {
        if case .invalid(let reason) = self { reason } else { "" }
    }
}
