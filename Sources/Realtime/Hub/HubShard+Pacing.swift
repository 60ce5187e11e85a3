import Core
import CoreMetrics
package import NIOCore
package import Telemetry

/// Rate limits that clients request when they join.
extension HubShard {
    /// The interval at which messages delayed by rate limits are examined and, if due, sent.
    private static let pacingTick = TimeAmount.milliseconds(20)
    /// The maximum number of delayed messages of one client that are examined at a time. The rest follow after the next
    /// ``pacingTick``.
    private static let maxPacedPerTick = 1024

    /// Sets the minimum interval between two messages with the same ``ConflationKey``, for the join by `filter`. `nil`
    /// removes the limit.
    package func setInterval(_ interval: TimeAmount?, for filter: TopicFilter, of client: HubClient) {
        eventLoop.assertInEventLoop()
        guard client.sink != nil, interval != nil || client.control?.pacer != nil else { return }
        let control = control(of: client)
        if control.pacer == nil {
            control.pacer = RatePacer(
                joined: client.joined, protecting: configuration.protectedFirstLevels,
                queueBytes: configuration.queue.maxBytes)
        }
        control.pacer?.set(interval, for: filter)
        releaseIfIdle(control, of: client)
    }

    /// Applies a client's holds and rate limits to a message. Returns true when the message may go out now.
    func admit(_ message: QueuedMessage, for client: HubClient, _ control: ClientFlowControl) -> Bool {
        switch control.hold(message) {
        case .deliver: break
        case .wait: return false
        case .overflow:
            scheduleClose(client, reason: "slow client: too many messages arrived during a join")
            return false
        }
        guard control.pacer?.admits(message, at: eventLoop.now) == false else { return true }
        pacing.add(client)
        schedulePacing()
        return false
    }

    private func schedulePacing() {
        pacing.schedule { eventLoop.scheduleTask(in: Self.pacingTick) { self.sendPaced() } }
    }

    private func sendPaced() {
        let now = eventLoop.now
        for client in pacing.beginTick() {
            guard let control = client.control, control.pacer != nil, client.sink != nil else {
                pacing.remove(client)
                continue
            }
            let due = control.pacer?.due(at: now, limit: Self.maxPacedPerTick) ?? []
            for message in due { add(message, for: client) }
            if control.pacer?.isWaiting != true { pacing.remove(client) }
            releaseIfIdle(control, of: client)
        }
        endTick()
        schedulePacing()
    }
}

/// The clients with messages delayed by a rate limit, and the task that sends those that are due.
struct PacingSchedule {
    private var clients: [ObjectIdentifier: HubClient] = [:]
    private var task: Scheduled<Void>?

    mutating func add(_ client: HubClient) {
        clients[ObjectIdentifier(client)] = client
    }

    mutating func remove(_ client: HubClient) {
        clients[ObjectIdentifier(client)] = nil
    }

    /// Calls `makeTask` to schedule the next tick, unless a tick is scheduled already or no client needs one.
    mutating func schedule(_ makeTask: () -> Scheduled<Void>) {
        guard task == nil, !clients.isEmpty else { return }
        task = makeTask()
    }

    /// Notes that the scheduled tick has begun. Returns the clients to examine.
    mutating func beginTick() -> [HubClient] {
        task = nil
        return Array(clients.values)
    }

    /// Cancels the next tick.
    func cancel() {
        task?.cancel()
    }
}
