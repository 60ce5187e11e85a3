import Core
package import CoreMetrics
import Logging
import NIOCore

/// Counters of failed `accept` calls, and of HTTP connections and requests that the server refuses or cuts off.
package final class EdgeMetrics: Sendable {
    /// The reason that a new connection was refused, or that an idle one was closed in its favour.
    package enum Refusal: String, CaseIterable, Sendable {
        /// The total limit is reached, and no other connection is idle.
        case total
        /// The limit per address is reached.
        case address
        /// The connection was idle, and a new one replaced it at the total limit.
        case idle
    }

    /// The reason that a connection in use was cut off.
    package enum Cut: String, CaseIterable, Sendable {
        /// A request body arrived too slowly.
        case body
        /// The socket accepted no bytes of an answer.
        case write
    }

    private let acceptErrors: Counter
    private let refusals: [Refusal: Counter]
    private let cuts: [Cut: Counter]
    private let limited: [RequestQuota.Refusal.Kind: Counter]

    package init(factory: any MetricsFactory) {
        acceptErrors = Counter(label: "windsock_http_accept_errors", dimensions: [], factory: factory)
        refusals = Self.counters("windsock_http_connections_refused", factory)
        cuts = Self.counters("windsock_http_connections_cut", factory)
        limited = Self.counters("windsock_http_requests_limited", factory)
    }

    func acceptFailed() { acceptErrors.increment() }
    func connectionRefused(_ reason: Refusal) { refusals[reason]?.increment() }
    func connectionCut(_ reason: Cut) { cuts[reason]?.increment() }
    func requestLimited(_ kind: RequestQuota.Refusal.Kind) { limited[kind]?.increment() }

    private static func counters<Reason: RawRepresentable<String> & CaseIterable & Hashable>(
        _ label: String, _ factory: any MetricsFactory
    ) -> [Reason: Counter] {
        Dictionary(
            uniqueKeysWithValues: Reason.allCases.map {
                ($0, Counter(label: label, dimensions: [("reason", $0.rawValue)], factory: factory))
            })
    }
}
