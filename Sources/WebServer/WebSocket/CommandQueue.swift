import Core
import CoreMetrics
import DequeModule
import NIOCore

/// The commands of one client that wait for the one before them.
///
/// Commands run one at a time and in order. They are kept as text, because parsed they would take many times as much
/// memory.
struct CommandQueue {
    private var pending = Deque<(text: String, receivedAt: Timestamp)>()
    private var byteCount = 0
    private var isPerforming = false
    private var isStarting = false

    /// True while a command runs or waits.
    var hasCommands: Bool { isPerforming || !pending.isEmpty }

    /// Returns true if the client may be read: neither too many commands nor too many bytes of them wait.
    func hasRoom(within limits: ConnectionLimits) -> Bool {
        pending.count < limits.maxPendingCommands && byteCount <= limits.maxMessageBytes
    }

    mutating func append(_ text: String, receivedAt: Timestamp) {
        pending.append((text, receivedAt))
        byteCount += text.utf8.count
    }

    /// Removes the next command, unless another one runs.
    mutating func popFirst() -> (text: String, receivedAt: Timestamp)? {
        guard !isPerforming, let next = pending.popFirst() else { return nil }
        byteCount -= next.text.utf8.count
        return next
    }

    /// Removes the commands that wait.
    mutating func removeAll() {
        pending.removeAll()
        byteCount = 0
    }

    /// Notes that a command, or the preparation of the welcome, has begun. Until it is done, no other command starts.
    mutating func begin() {
        isPerforming = true
    }

    mutating func finish() {
        isPerforming = false
    }

    // MARK: Re-entrancy

    /// Begins to start commands. Returns false if that is in progress: a command that completes at once calls back
    /// while its caller still starts commands.
    mutating func beginStarting() -> Bool {
        guard !isStarting else { return false }
        isStarting = true
        return true
    }

    mutating func endStarting() {
        isStarting = false
    }
}

/// The rate limit of one client's commands and control frames.
struct CommandRate {
    private var bucket: TokenBucket

    init(limits: ConnectionLimits, now: NIODeadline) {
        bucket = TokenBucket(burst: limits.commandBurst, at: now.tokenBucketTime)
    }

    /// Charges a message that counts as `cost` commands to the client's limit.
    mutating func charge(
        _ cost: Int, in environment: ConnectionEnvironment, at now: NIODeadline
    ) -> TokenBucket.Decision {
        let limits = environment.limits
        let decision = bucket.charge(
            cost, perSecond: limits.commandsPerSecond, burst: limits.commandBurst, at: now.tokenBucketTime)
        if decision != .allowed { environment.metrics.rateLimited.increment() }
        return decision
    }

    /// The decision about a command, with the answer if it is refused.
    enum Decision {
        case allowed
        case refused(CommandError)
        /// Refused, and the client evidently ignores refusals.
        case abusive(CommandError)
    }

    /// Charges a command to the client's limit, and to the limit of all clients of its user together. A large one counts
    /// as several commands.
    mutating func charge(
        command text: String, of user: UserID, in environment: ConnectionEnvironment, at now: NIODeadline
    ) -> Decision {
        let cost = 1 + text.utf8.count / ClientCommand.chargedByteCount
        let limits = environment.limits
        let decision = charge(cost, in: environment, at: now)
        guard decision == .allowed else {
            let error = CommandError(
                .rateLimited,
                "Too many commands; allowed: \(limits.commandsPerSecond) per second, "
                    + "in bursts of up to \(limits.commandBurst).",
                isTemporary: true)
            return decision == .abusive ? .abusive(error) : .refused(error)
        }
        guard environment.quota.takeCommand(of: user, cost: cost, now: now) else {
            environment.metrics.rateLimited.increment()
            return .refused(
                CommandError(
                    .rateLimited,
                    "Too many commands from all clients of this user; "
                        + "allowed: \(limits.userCommandsPerSecond) per second.",
                    isTemporary: true))
        }
        return .allowed
    }
}
