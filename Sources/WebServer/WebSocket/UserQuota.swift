import Core
import NIOCore

/// Limits that apply to all clients of a user, or of an address, together; 0 disables a limit.
///
/// Thread-safe, because a user's clients live on different event loops. Disabled limits take no lock.
final class UserQuota: Sendable {
    /// The number of users, or of addresses, that are remembered for one limit. At this number, those who have used
    /// none of their limit are forgotten, or all if that is not enough.
    static let maxBuckets = 65_536

    private static let freeReplayNanoseconds: Int64 = 1_000_000_000

    private let limits: ConnectionLimits
    private let connections = Lock<[UserID: Int]>([:])
    private let commands = Lock<[UserID: TokenBucket]>([:])
    private let addresses = Lock<[String: TokenBucket]>([:])
    /// The messages that joins have replayed, by user.
    private let replays = Lock<[UserID: GCRA]>([:])

    init(limits: ConnectionLimits) {
        self.limits = limits
    }

    /// Counts a connection of the user; returns false and counts nothing when there are too many.
    func connect(_ user: UserID) -> Bool {
        guard limits.connectionsPerUser > 0 else { return true }
        return connections.withLock { connections in
            let count = connections[user] ?? 0
            guard count < limits.connectionsPerUser else { return false }
            connections[user] = count + 1
            return true
        }
    }

    /// Undoes one ``connect(_:)``.
    func disconnect(_ user: UserID) {
        guard limits.connectionsPerUser > 0 else { return }
        connections.withLock { connections in
            guard let count = connections[user] else { return }
            connections[user] = count > 1 ? count - 1 : nil
        }
    }

    /// Counts a command and returns true if the user's clients may send it now. A large one counts as `cost` commands.
    func takeCommand(of user: UserID, cost: Int, now: NIODeadline) -> Bool {
        Self.take(cost, of: user, from: commands, perSecond: limits.userCommandsPerSecond, now: now)
    }

    /// Counts a new connection and returns true if the address may open it now. Exempt addresses always may.
    func takeConnection(from address: SocketAddress?, now: NIODeadline) -> Bool {
        guard let address = AddressKey(address), !limits.exemptAddresses.contains(address.name) else { return true }
        return Self.take(1, of: address.group, from: addresses, perSecond: limits.addressConnectionsPerSecond, now: now)
    }

    /// Returns the time that the user's next join must wait, because earlier joins have replayed too many messages.
    func replayDelay(of user: UserID, now: NIODeadline) -> TimeAmount {
        guard limits.userReplayedPerSecond > 0 else { return .zero }
        let now = now.tokenBucketTime
        return .nanoseconds(replays.withLock { $0[user]?.wait(burst: Self.freeReplayNanoseconds, at: now) ?? 0 })
    }

    /// Counts messages that a join has replayed against the user's limit, and returns the time until more may be
    /// replayed. The wait is zero until they exceed one second's worth of the limit.
    func chargeReplay(_ messageCount: Int, to user: UserID, now: NIODeadline) -> TimeAmount {
        guard limits.userReplayedPerSecond > 0, messageCount > 0 else { return .zero }
        let now = now.tokenBucketTime
        let wait = replays.withLock { replays in
            Self.makeRoom(for: user, in: &replays) { $0.isPaid(at: now) }
            var rate = replays[user] ?? GCRA(at: now)
            rate.charge(messageCount, perSecond: limits.userReplayedPerSecond, at: now)
            replays[user] = rate
            return rate.wait(burst: Self.freeReplayNanoseconds, at: now)
        }
        return .nanoseconds(wait)
    }

    private static func take<Name: Hashable & Sendable>(
        _ cost: Int, of name: Name, from buckets: borrowing Lock<[Name: TokenBucket]>, perSecond: Int,
        now: NIODeadline
    ) -> Bool {
        guard perSecond > 0 else { return true }
        let burst = 2 * perSecond
        let now = now.tokenBucketTime
        return buckets.withLock { buckets in
            makeRoom(for: name, in: &buckets) { $0.isFull(perSecond: perSecond, burst: burst, at: now) }
            var bucket = buckets[name] ?? TokenBucket(burst: burst, at: now)
            // A refused command incurs no debt, so that the user's other clients do not suffer.
            guard bucket.take(min(cost, burst), perSecond: perSecond, burst: burst, at: now) else { return false }
            buckets[name] = bucket
            return true
        }
    }

    /// Makes room for a new name when ``maxBuckets`` names are remembered.
    private static func makeRoom<Name: Hashable & Sendable, Value>(
        for name: Name, in values: inout [Name: Value], forgetting isUnused: (Value) -> Bool
    ) {
        guard values.count >= maxBuckets, values[name] == nil else { return }
        values = values.filter { !isUnused($0.value) }
        if values.count >= maxBuckets { values.removeAll() }
    }
}

extension NIODeadline {
    /// The time in the form that ``TokenBucket`` uses: nanoseconds since the system started.
    var tokenBucketTime: Int64 { Int64(clamping: uptimeNanoseconds) }
}
