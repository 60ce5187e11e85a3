/// Finds the addresses of a host.
package protocol HostResolver: Sendable {
    /// In the order in which they are to be tried; never empty. Ends early when the task is cancelled.
    ///
    /// - Throws: ``HostResolutionError``, or `CancellationError`.
    func addresses(of host: String) async throws -> [IPAddress]
}

/// Why a host has no address now: in the resolver's words.
package struct HostResolutionError: Error, Sendable, Equatable, CustomStringConvertible {
    package let host: String
    package let reason: String

    package init(host: String, reason: String) {
        self.host = host
        self.reason = reason
    }

    package var description: String { "the host \(host) cannot be resolved: \(reason)" }
}
