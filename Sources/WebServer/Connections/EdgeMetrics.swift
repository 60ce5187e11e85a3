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
    private let refusals: CounterFamily
    private let cuts: CounterFamily
    private let limited: CounterFamily

    package init(factory: any MetricsFactory) {
        acceptErrors = Counter(label: "windsock_http_accept_errors", dimensions: [], factory: factory)
        refusals = Self.counters("windsock_http_connections_refused", of: Refusal.self, factory)
        cuts = Self.counters("windsock_http_connections_cut", of: Cut.self, factory)
        limited = Self.counters("windsock_http_requests_limited", of: RequestQuota.Refusal.Kind.self, factory)
    }

    func acceptFailed() { acceptErrors.increment() }
    func connectionRefused(_ reason: Refusal) { refusals.increment(reason.rawValue) }
    func connectionCut(_ reason: Cut) { cuts.increment(reason.rawValue) }
    func requestLimited(_ kind: RequestQuota.Refusal.Kind) { limited.increment(kind.rawValue) }

    private static func counters<Reason: RawRepresentable<String> & CaseIterable>(
        _ name: String, of reasons: Reason.Type, _ factory: any MetricsFactory
    ) -> CounterFamily {
        CounterFamily(name, by: "reason", values: reasons.allCases.map(\.rawValue), factory: factory)
    }
}
