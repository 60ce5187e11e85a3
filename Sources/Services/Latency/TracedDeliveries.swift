import Core
import Telemetry

/// The latest deliveries that became spans: which user each was for, and what that user's pages have reported of it.
///
/// So a page can report each delivery of its own user once, and no others. Bounded: the oldest are forgotten, after which
/// nothing is taken of them. Thread-safe.
final class TracedDeliveries: Sendable {
    /// The verdict on a report.
    enum Verdict {
        case first
        /// The same span again: a page that had no answer repeats itself.
        case same
        /// Another span has reported it already.
        case taken
        /// The delivery was for somebody else, or is too long ago.
        case unknown
    }

    private struct Delivery {
        let user: String
        /// The spans that reported it, by their kind.
        var receive: UInt64?
        var paint: UInt64?
    }

    private struct State {
        /// By the id of the span `websocket.send`.
        var deliveries: [UInt64: Delivery] = [:]
        /// A ring of those ids in their order, and where the next one goes.
        var order: [UInt64] = []
        var next = 0
    }

    /// At 200 a second some 40 s, which is longer than pages wait before they report.
    static let capacity = 8192

    private let state = Lock(State())

    /// A message is about to be sent to a client of that user, under that span.
    func sending(_ span: TraceContext, to user: String) {
        let id = span.spanID
        state.withLock { state in
            if state.order.count < Self.capacity {
                state.order.append(id)
            } else {
                state.deliveries[state.order[state.next]] = nil
                state.order[state.next] = id
                state.next = (state.next + 1) % Self.capacity
            }
            state.deliveries[id] = Delivery(user: user)
        }
    }

    /// A page of that user reports that it has received, or painted, the delivery; the first report counts.
    func report(_ name: BrowserSpan.Name, _ span: UInt64, of delivery: UInt64, by user: String) -> Verdict {
        state.withLock { state in
            guard var found = state.deliveries[delivery], found.user == user else { return .unknown }
            let earlier = name == .receive ? found.receive : found.paint
            if let earlier { return earlier == span ? .same : .taken }
            switch name {
            case .receive: found.receive = span
            case .paint: found.paint = span
            }
            state.deliveries[delivery] = found
            return .first
        }
    }
}
