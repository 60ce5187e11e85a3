import Core
import Services
import Telemetry

/// The claims of a token whose signature is valid: those of RFC 7519 section 4.1 and the gateway's own (`join`,
/// `publish`, `notify` and `share`). Only their form has been checked, not whether they admit the token's holder.
///
/// Names must be in Unicode's NFC form. Swift compares strings by canonical equivalence, so a name in another form
/// could pass for the name of another user.
struct TokenClaims: Sendable {
    /// The largest number of filters in one claim.
    static let maximumFilterCount = 256

    /// `sub`.
    let user: UserID
    /// `exp`, clamped to the latest representable time.
    let expiresAt: Timestamp
    /// `nbf`: the time before which the token is not valid; `nil` if the claim is missing.
    let startsAt: Timestamp?
    /// `iss`; `nil` if the claim is missing.
    let issuer: String?
    /// `aud`: one or several; empty if the claim is missing.
    let audiences: [String]
    let join: [TopicFilter]
    let publish: [TopicFilter]
    let notify: Bool
    let share: Bool

    /// Parses the payload.
    ///
    /// - Throws: ``AuthenticationError/invalid(_:)`` with the name of the claim and the allowed values.
    init(json: [UInt8]) throws(AuthenticationError) {
        guard let claims = try? JSONParser.parse(json), claims.objectValue != nil else {
            throw .invalid("its payload is not a JSON object")
        }
        guard let subject = claims["sub"]?.stringValue, let user = UserID(subject) else {
            throw .invalid(
                "\"sub\" must be 1 to 128 bytes of NFC-normalized Unicode without /, +, # or control characters")
        }
        guard let expiresAt = try Self.time("exp", in: claims) else { throw .invalid("\"exp\" is missing") }
        self.user = user
        self.expiresAt = expiresAt
        startsAt = try Self.time("nbf", in: claims)
        issuer = try Self.text(claims["iss"], of: "iss")
        audiences = try Self.audiences(claims["aud"])
        join = try Self.filters("join", in: claims)
        publish = try Self.filters("publish", in: claims)
        notify = try Self.flag("notify", in: claims)
        share = try Self.flag("share", in: claims)
    }

    private static func flag(_ name: String, in claims: JSONValue) throws(AuthenticationError) -> Bool {
        switch claims[name] {
        case nil: return false
        case .bool(let value): return value
        default: throw .invalid("\"\(name)\" must be true or false")
        }
    }

    /// Reads a NumericDate: seconds since 1970, with or without a fraction (RFC 7519 section 2).
    private static func time(_ name: String, in claims: JSONValue) throws(AuthenticationError) -> Timestamp? {
        guard let value = claims[name] else { return nil }
        guard let seconds = value.numberValue else {
            throw .invalid("\"\(name)\" must be a number of seconds since 1970")
        }
        return Timestamp(secondsSinceEpoch: seconds)
            ?? Timestamp(nanosecondsSinceEpoch: seconds < 0 ? .min : .max)
    }

    private static func text(_ value: JSONValue?, of name: String) throws(AuthenticationError) -> String? {
        guard let value else { return nil }
        guard let text = value.stringValue else { throw .invalid("\"\(name)\" must be a string") }
        return text
    }

    private static func audiences(_ value: JSONValue?) throws(AuthenticationError) -> [String] {
        guard case .array(let elements) = value else {
            return try text(value, of: "aud").map { [$0] } ?? []
        }
        var audiences: [String] = []
        for element in elements {
            guard let text = element.stringValue else { throw .invalid("\"aud\" must contain only strings") }
            audiences.append(text)
        }
        return audiences
    }

    private static func filters(_ name: String, in claims: JSONValue) throws(AuthenticationError) -> [TopicFilter] {
        guard let value = claims[name] else { return [] }
        guard let elements = value.arrayValue, elements.count <= maximumFilterCount else {
            throw .invalid("\"\(name)\" must be an array of at most \(maximumFilterCount) room filters")
        }
        var filters: [TopicFilter] = []
        for element in elements {
            guard let text = element.stringValue, text.isInNormalForm, let filter = try? TopicFilter(text),
                filter.shareGroup == nil
            else {
                throw .invalid("\"\(name)\" contains an invalid room filter")
            }
            filters.append(filter)
        }
        return filters
    }
}
