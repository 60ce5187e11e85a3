import Core
package import CoreMetrics
import Realtime
import Synchronization

/// Metrics of WebSocket handshakes, connections and commands.
package final class WebSocketMetrics: Sendable {
    /// The counter of upgraded connections.
    package let opened: Counter
    /// The counter of text messages from clients.
    package let received: Counter
    /// The counter of commands and control frames that the rate limits refused.
    package let rateLimited: Counter
    /// Counters of connections and requests that are refused or cut off below the WebSocket layer.
    let edge: EdgeMetrics

    private let factory: any MetricsFactory
    private let active = Atomic<Int>(0)
    private let closes = Lock<[String: Counter]>([:])
    private let refusals = Lock<[Int: Counter]>([:])
    private let failures = Lock<[CommandError.Code: Counter]>([:])

    /// Creates the counters with `factory`.
    package init(factory: any MetricsFactory) {
        self.factory = factory
        edge = EdgeMetrics(factory: factory)
        opened = Counter(label: "windsock_websocket_connections_opened", dimensions: [], factory: factory)
        received = Counter(label: "websocket.messages.received", dimensions: [], factory: factory)
        rateLimited = Counter(label: "windsock_websocket_commands_rate_limited", dimensions: [], factory: factory)
    }

    /// The number of open connections.
    package var activeConnections: Int { active.load(ordering: .relaxed) }

    func connectionOpened() {
        opened.increment()
        active.add(1, ordering: .relaxed)
    }

    /// Counts a closed connection under the label of its reason, such as `by_client` or `lost`.
    func connectionClosed(_ label: String) {
        active.subtract(1, ordering: .relaxed)
        closes.withLock { counters in
            let counter =
                counters[label]
                ?? Counter(
                    label: "windsock_websocket_connections_closed", dimensions: [("reason", label)], factory: factory)
            counters[label] = counter
            counter.increment()
        }
    }

    /// Counts a command that was answered with an error, by its code.
    func commandFailed(_ code: CommandError.Code) {
        failures.withLock { counters in
            let counter =
                counters[code]
                ?? Counter(
                    label: "windsock_websocket_commands_failed", dimensions: [("code", code.rawValue)],
                    factory: factory)
            counters[code] = counter
            counter.increment()
        }
    }

    /// Counts a handshake that was answered with an error status.
    func handshakeRefused(status: Int) {
        refusals.withLock { counters in
            let counter =
                counters[status]
                ?? Counter(
                    label: "windsock_websocket_handshakes_refused", dimensions: [("status", "\(status)")],
                    factory: factory)
            counters[status] = counter
            counter.increment()
        }
    }
}
