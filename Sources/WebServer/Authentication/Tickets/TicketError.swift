/// Why no ticket is issued.
package enum TicketError: Error, Equatable, CustomStringConvertible {
    /// The most tickets that may wait for their use are waiting.
    case overloaded(limit: Int)
    /// The most tickets that one user may have are waiting for their use.
    case tooMany(limit: Int)

    package var description: String {
        switch self {
        case .overloaded(let limit): "Too many tickets wait for their use, \(limit); try again in 30 s."
        case .tooMany(let limit):
            "\(limit) tickets of yours wait for their use, the most that is allowed; use one, or try again in 30 s."
        }
    }
}
