import CoreMetrics
package import NIOCore
package import Telemetry

/// Rate limits that clients ask for when they join.
extension HubShard {
    /// How exact the times are at which paced messages go out.
    private static let pacingTick = TimeAmount.milliseconds(20)

    /// Sets, or with `nil` lifts, the least time between two messages of a series for one of the client's joins.
    package func setInterval(_ interval: TimeAmount?, for filter: TopicFilter, of client: HubClient) {
        eventLoop.assertInEventLoop()
        guard interval != nil || client.control != nil else { return }
        let control = control(of: client)
        control.pacer.set(interval, for: filter)
        if control.isIdle { client.control = nil }
    }

    /// Decides about a message for a client with holds or rate limits.
    func admit(_ message: QueuedMessage, for client: HubClient, _ control: DeliveryControl) -> Bool {
        switch control.hold(message) {
        case .deliver: break
        case .wait: return false
        case .overflow:
            metrics.slowClientsClosed.increment()
            client.sink?.close(code: .slowClient, reason: "slow client: too much happened while it joined")
            return false
        }
        if control.pacer.admits(
            message, joined: client.joined, protecting: configuration.protectedFirstLevels, at: eventLoop.now)
        {
            return true
        }
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
            guard let control = client.control, client.sink != nil else {
                paced[ObjectIdentifier(client)] = nil
                continue
            }
            for message in control.pacer.due(at: now) {
                plan.add(message)
                advance(client)
            }
            if !control.pacer.isWaiting { paced[ObjectIdentifier(client)] = nil }
        }
        endTick()
        if !paced.isEmpty {
            pacingTask = eventLoop.scheduleTask(in: Self.pacingTick) { self.sendPaced() }
        }
    }
}
