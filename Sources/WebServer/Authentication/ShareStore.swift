package import Core
import OpenSSL
package import Realtime
package import Services
package import Storage
import Synchronization
import Telemetry

/// The share links of dashboards: read-only tokens that anybody may use, which are stored, listed and revoked.
///
/// A token is `share-` and 256 random bits. It is shown once, to the user who creates the share. The database has only
/// its SHA-256 hash, so that neither the file nor a copy of it contains a usable token. Thread-safe.
package final class ShareStore: Sendable {
    /// The limits of stored shares.
    package struct Limits: Sendable {
        package var total: Int
        package var perUser: Int

        package init(total: Int = 1000, perUser: Int = 50) {
            self.total = total
            self.perUser = perUser
        }
    }

    /// The beginning of a share's token. No signed token begins so, because a base64url header of JSON begins with `e`.
    static let tokenPrefix = "share-"
    static let revocationReason = "the share was revoked"
    /// The bytes that a request counts in the writer's queue, about those of a row.
    private static let rowBytes = 4096

    private let writer: DatabaseWriter
    private let hub: Hub
    private let dashboards: @Sendable () -> ServedDashboards
    private let limits: Limits
    private let clock: any WallClock
    private let ids: any IDGenerator
    /// The shares by the hash of their token.
    private let shares: Lock<[[UInt8]: Share]>

    /// Loads the stored shares.
    ///
    /// - Parameter dashboards: Returns the dashboards that are served at the moment.
    /// - Throws: A `StorageError` when the shares cannot be read.
    package init(
        database: Database, writer: DatabaseWriter, hub: Hub, dashboards: @escaping @Sendable () -> ServedDashboards,
        limits: Limits = Limits(), clock: any WallClock = SystemWallClock(), ids: any IDGenerator = RandomIDGenerator()
    ) throws {
        self.writer = writer
        self.hub = hub
        self.dashboards = dashboards
        self.limits = limits
        self.clock = clock
        self.ids = ids
        let stored = try database.read { try $0.shares() }
        shares = Lock(Dictionary(stored.map { ($0.tokenDigest, Share($0)) }) { first, _ in first })
    }

    /// Returns true for a text that has the form of a share's token.
    static func isToken(_ text: String) -> Bool { text.hasPrefix(tokenPrefix) }

    /// Returns the identity of a share's clients, which may join those of the share's rooms that its dashboard still
    /// has.
    package func identity(of token: String) throws(AuthenticationError) -> Identity {
        let digest = Digest.sha256.hash(token.utf8)
        guard let share = shares.withLock({ $0[digest] }) else { throw .unknownShare }
        guard clock.now() < share.stored.expiresAt else { throw .expired }
        let rooms = dashboards().dashboard(share.stored.dashboard)?.rooms ?? []
        return Identity(
            user: share.user, expiresAt: share.stored.expiresAt,
            grants: RoomGrants(user: share.user, join: share.rooms.filter(rooms.contains)), share: share)
    }

    /// Returns the shares that have not expired, sorted by id.
    func all() -> [Share] {
        let now = clock.now()
        return shares.withLock { Array($0.values) }.filter { now < $0.stored.expiresAt }
            .sorted { $0.stored.shareID < $1.stored.shareID }
    }

    /// Creates a share and returns it with its token.
    ///
    /// - Throws: `conflict` when there are too many shares, or an error of the storage.
    func create(
        for dashboard: ServedDashboard, name: String?, lifetime: Duration, by user: UserID
    ) async throws(RequestError) -> (share: Share, token: String) {
        let now = clock.now()
        let token = Self.tokenPrefix + TicketIDGenerator().next()
        let stored = StoredShare(
            shareID: ids.next(), tokenDigest: Digest.sha256.hash(token.utf8), dashboard: dashboard.id,
            rooms: dashboard.rooms.map(\.rawValue), name: name, createdBy: user, createdAt: now,
            expiresAt: now.advanced(by: lifetime))
        try await writer.submit(byteCount: Self.rowBytes) { [limits] transaction in
            try transaction.removeShares(expiredAt: now)
            let counts = try transaction.snapshot.shareCounts(of: user)
            guard counts.ofUser < limits.perUser else {
                throw RequestError(.conflict, "You have \(counts.ofUser) shares; allowed: at most \(limits.perUser).")
            }
            guard counts.total < limits.total else {
                throw RequestError(.conflict, "There are \(counts.total) shares; allowed: at most \(limits.total).")
            }
            try transaction.add(stored)
            return DatabaseWriter.Effect(())
        }
        let share = Share(stored)
        shares.withLock { shares in
            shares = shares.filter { now < $0.value.stored.expiresAt }
            shares[stored.tokenDigest] = share
        }
        return (share, token)
    }

    /// Closes the connections of shares whose dashboards have lost rooms in a reload. Their clients reconnect, with the
    /// rooms that are left.
    package func dashboardsReplaced(from old: ServedDashboards) {
        let new = dashboards()
        for share in all() {
            let id = share.stored.dashboard
            let lost = Set(old.dashboard(id)?.rooms ?? []).subtracting(new.dashboard(id)?.rooms ?? [])
            guard share.rooms.contains(where: lost.contains) else { continue }
            hub.close(share.user, code: .serviceRestart, reason: "the dashboard has changed")
        }
    }

    /// Removes a share and closes its connections. An identity that was checked before becomes invalid, too.
    func revoke(_ share: Share) async throws(RequestError) {
        try await writer.submit(byteCount: Self.rowBytes) { transaction in
            DatabaseWriter.Effect(try transaction.removeShare(share.stored.shareID))
        }
        shares.withLock { $0[share.stored.tokenDigest] = nil }
        share.revoke()
        hub.close(share.user, code: .badToken, reason: Self.revocationReason)
    }
}

/// A share of a dashboard, and whether it was revoked since it was looked up.
package final class Share: Sendable {
    package let stored: StoredShare
    /// The rooms and filters that were shared.
    let rooms: [TopicFilter]
    private let revoked = Atomic(false)

    init(_ stored: StoredShare) {
        self.stored = stored
        rooms = stored.rooms.compactMap { try? TopicFilter($0) }
    }

    /// The user as whom all clients of the share appear.
    package var user: UserID { UserID(share: stored.shareID) }

    package var isRevoked: Bool { revoked.load(ordering: .acquiring) }

    func revoke() { revoked.store(true, ordering: .releasing) }
}
