/// Why no ticket is issued.
package enum TicketError: Error, Equatable, CustomStringConvertible {
    /// The most tickets that may wait for their use are waiting.
    case overloaded(limit: Int)

    package var description: String {
        switch self {
        case .overloaded(let limit): "Too many tickets wait for their use, \(limit); try again in 30 s."
        }
    }
}
