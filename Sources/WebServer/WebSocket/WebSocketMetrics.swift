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

    private let active = Atomic<Int>(0)
    private let closes: CounterFamily
    private let refusals: CounterFamily
    private let failures: CounterFamily

    /// Creates the counters with `factory`.
    package init(factory: any MetricsFactory) {
        edge = EdgeMetrics(factory: factory)
        opened = Counter(label: "windsock_websocket_connections_opened", dimensions: [], factory: factory)
        received = Counter(label: "websocket.messages.received", dimensions: [], factory: factory)
        rateLimited = Counter(label: "windsock_websocket_commands_rate_limited", dimensions: [], factory: factory)
        closes = CounterFamily("windsock_websocket_connections_closed", by: "reason", factory: factory)
        refusals = CounterFamily("windsock_websocket_handshakes_refused", by: "status", factory: factory)
        failures = CounterFamily("windsock_websocket_commands_failed", by: "code", factory: factory)
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
        closes.increment(label)
    }

    /// Counts a command that was answered with an error, by its code.
    func commandFailed(_ code: CommandError.Code) { failures.increment(code.rawValue) }

    /// Counts a handshake that was answered with an error status.
    func handshakeRefused(status: Int) { refusals.increment("\(status)") }
}
