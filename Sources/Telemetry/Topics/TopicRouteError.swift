/// Why a route cannot be: names the pattern or template, and what is allowed.
package struct TopicRouteError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Error, Hashable, Sendable {
        case badFilter(TopicFilterError.Problem)
        /// A level with braces that is not one whole `{name}`.
        case badCapture(String)
        case duplicateCapture(String)
        /// What is wrong with the room template.
        case badRoom(String)
        case badQoS(Int)
    }

    package var pattern: String
    package var room: String
    package var problem: Problem

    package var description: String {
        switch problem {
        case .badFilter(let problem):
            "the route's topic is wrong: \(TopicFilterError(filter: pattern, problem: problem))"
        case .badCapture(let level):
            """
            the route's topic \(Excerpt(of: pattern)) has the level \(Excerpt(of: level)); a capture is a whole level \
            such as {device}, named with letters, digits, '_' and '-'
            """
        case .duplicateCapture(let name):
            "the route's topic \(Excerpt(of: pattern)) captures {\(name)} twice; every capture needs a name of its own"
        case .badRoom(let what):
            "the room \(Excerpt(of: room)) of the route \(Excerpt(of: pattern)) \(what)"
        case .badQoS(2):
            """
            the route \(Excerpt(of: pattern)) asks for QoS 2; subscribe at most at QoS 1: the broker then delivers \
            QoS 2 publications at QoS 1, and they are acknowledged only after they are handled
            """
        case .badQoS(let qos): "the route \(Excerpt(of: pattern)) asks for QoS \(qos); allowed are 0 and 1"
        }
    }
}
