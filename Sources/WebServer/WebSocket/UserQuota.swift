import Core
import NIOCore

/// Limits of what the clients of one user, or of one address, may do together; 0 turns one off.
///
/// Thread-safe: a user's clients live on different loops. Without limits no lock is taken.
final class UserQuota: Sendable {
    /// Users and addresses whose rates are remembered; beyond it those that have a full bucket are forgotten.
    static let maxBuckets = 65_536

    private let limits: ConnectionLimits
    private let connections = Lock<[String: Int]>([:])
    private let commands = Lock<[String: TokenBucket]>([:])
    private let addresses = Lock<[String: TokenBucket]>([:])
    /// By user: until when the messages that joins replayed are paid for.
    private let replays = Lock<[String: NIODeadline]>([:])

    init(limits: ConnectionLimits) {
        self.limits = limits
    }

    /// Counts one more connection of the user; false, and nothing counted, when there are too many.
    func connect(_ user: String) -> Bool {
        guard limits.connectionsPerUser > 0 else { return true }
        return connections.withLock { connections in
            let count = connections[user] ?? 0
            guard count < limits.connectionsPerUser else { return false }
            connections[user] = count + 1
            return true
        }
    }

    /// Takes back what ``connect(_:)`` counted.
    func disconnect(_ user: String) {
        guard limits.connectionsPerUser > 0 else { return }
        connections.withLock { connections in
            guard let count = connections[user] else { return }
            connections[user] = count > 1 ? count - 1 : nil
        }
    }

    /// Whether one of the user's clients may send one more command now; a large one counts as `cost` commands.
    func takeCommand(of user: String, cost: Int, now: NIODeadline) -> Bool {
        Self.take(cost, of: user, from: commands, perSecond: limits.userCommandsPerSecond, now: now)
    }

    /// Whether the address may open one more connection now; always where it is exempt.
    func takeConnection(from address: SocketAddress?, now: NIODeadline) -> Bool {
        guard let address = AddressKey(address), !limits.exemptAddresses.contains(address.name) else { return true }
        return Self.take(1, of: address.group, from: addresses, perSecond: limits.addressConnectionsPerSecond, now: now)
    }

    /// The time that a user's next join has to wait, because earlier ones replayed so much.
    func replayDelay(of user: String, now: NIODeadline) -> TimeAmount {
        guard limits.userReplayedPerSecond > 0 else { return .zero }
        return replays.withLock { $0[user].map { max(.zero, $0 - now - Self.freeReplay) } ?? .zero }
    }

    /// Notes what joins of the user have cost, in messages; returns the time until more may be replayed. A second's worth is
    /// free.
    func chargeReplay(_ messageCount: Int, to user: String, now: NIODeadline) -> TimeAmount {
        guard limits.userReplayedPerSecond > 0, messageCount > 0 else { return .zero }
        let cost = TimeAmount.nanoseconds(Int64(messageCount) * 1_000_000_000 / Int64(limits.userReplayedPerSecond))
        return replays.withLock { replays in
            if replays.count >= Self.maxBuckets, replays[user] == nil {
                replays = replays.filter { $0.value > now }
                if replays.count >= Self.maxBuckets { replays.removeAll() }
            }
            let paidAt = max(replays[user] ?? now, now) + cost
            replays[user] = paidAt
            return max(.zero, paidAt - now - Self.freeReplay)
        }
    }

    private static let freeReplay = TimeAmount.seconds(1)

    private static func take(
        _ cost: Int, of name: String, from buckets: borrowing Lock<[String: TokenBucket]>, perSecond: Int,
        now: NIODeadline
    ) -> Bool {
        guard perSecond > 0 else { return true }
        let burst = 2 * perSecond
        return buckets.withLock { buckets in
            if buckets.count >= maxBuckets, buckets[name] == nil {
                buckets = buckets.filter { !$0.value.isFull(perSecond: perSecond, burst: burst, now: now) }
                if buckets.count >= maxBuckets { buckets.removeAll() }
            }
            var bucket = buckets[name] ?? TokenBucket(burst: burst, now: now)
            // What is refused makes no debt: the user's other clients are not to suffer for it.
            guard bucket.take(cost, perSecond: perSecond, burst: burst, now: now) == .allowed else { return false }
            buckets[name] = bucket
            return true
        }
    }
}
