import CoreMetrics
package import NIOCore
package import Telemetry

/// Rate limits that clients ask for when they join.
extension HubShard {
    /// How exact the times are at which paced messages go out.
    private static let pacingTick = TimeAmount.milliseconds(20)
    /// Paced messages of one client that are looked at in a tick; the others come in the next.
    private static let maxPacedPerTick = 1024

    /// Sets, or with `nil` lifts, the least time between two messages of a series for one of the client's joins.
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
        settle(control, of: client)
    }

    /// Decides about a message for a client with holds or rate limits.
    func admit(_ message: QueuedMessage, for client: HubClient, _ control: DeliveryControl) -> Bool {
        switch control.hold(message) {
        case .deliver: break
        case .wait: return false
        case .overflow:
            closeLater(client, reason: "slow client: too much happened while it joined")
            return false
        }
        guard control.pacer?.admits(message, at: eventLoop.now) == false else { return true }
        paced[ObjectIdentifier(client)] = client
        if pacingTask == nil {
            pacingTask = eventLoop.scheduleTask(in: Self.pacingTick) { self.sendPaced() }
        }
        return false
    }

    private func sendPaced() {
        pacingTask = nil
        let now = eventLoop.now
        for client in paced.values {
            guard let control = client.control, control.pacer != nil, client.sink != nil else {
                paced[ObjectIdentifier(client)] = nil
                continue
            }
            let due = control.pacer?.due(at: now, limit: Self.maxPacedPerTick) ?? []
            for message in due { add(message, for: client) }
            if control.pacer?.isWaiting != true { paced[ObjectIdentifier(client)] = nil }
            settle(control, of: client)
        }
        endTick()
        if !paced.isEmpty {
            pacingTask = eventLoop.scheduleTask(in: Self.pacingTick) { self.sendPaced() }
        }
    }
}
