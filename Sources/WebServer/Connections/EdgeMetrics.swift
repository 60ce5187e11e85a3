import Core
package import CoreMetrics
import Logging
import NIOCore

/// Counters of connections and requests that the HTTP edge refuses or cuts off.
package final class EdgeMetrics: Sendable {
    /// The reason that a connection lost its place or got none.
    package enum Refusal: String, CaseIterable, Sendable {
        /// All places are taken by busy connections.
        case total
        /// The address has reached its limit.
        case address
        /// The connection was idle, and its place was needed.
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
