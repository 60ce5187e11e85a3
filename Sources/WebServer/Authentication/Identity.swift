package import Telemetry

/// Who holds a token, until when, and what it grants.
package struct Identity: Sendable {
    /// The token's `sub`: one level of a room's name, 1 to 128 bytes.
    package let user: String
    package let expiresAt: Timestamp
    package let grants: RoomGrants
}
