/// Why a topic cannot be one of statuses: names the pattern, and what is allowed.
package struct StatusRouteError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case badTopic(TopicRouteError)
        /// Nothing in the pattern names the device.
        case noDevice
    }

    package var pattern: String
    package var problem: Problem

    package var description: String {
        switch problem {
        case .badTopic(let error): "\(error)"
        case .noDevice:
            """
            the status topic \(Excerpt(of: pattern)) does not say which device it is of; allowed is a topic with the \
            level {device}, such as sensors/{device}/status
            """
        }
    }
}
