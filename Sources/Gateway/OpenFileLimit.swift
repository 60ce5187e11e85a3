import Foundation
import NIOCore
package import WebServer

/// The process's limit of open file descriptors, and the number of them that connections may use.
package struct OpenFileLimit: Equatable, Sendable {
    /// Descriptors reserved for broker, database, log, pages and webhooks, and for 32 accepted sockets awaiting close.
    private static let reserve = 96
    /// Descriptors reserved per core for event loops. There may be two groups of loops: the gateway's, and NIO's shared
    /// one.
    private static let perCore = 8
    /// Upper bound for the limit. A higher one is never needed, and slows programs that close every possible
    /// descriptor.
    private static let maxCount = 1 << 20
    /// Minimum number of connections for the gateway to start.
    private static let minConnections = 16

    /// The number of descriptors that may be open.
    package let count: Int
    private let reserved: Int

    /// Creates a limit of `count` descriptors.
    ///
    /// - Parameter cores: The machine's number of cores; each core has event loops.
    package init(count: Int, cores: Int = System.coreCount) {
        self.count = count
        reserved = Self.reserve + Self.perCore * cores
    }

    /// Raises the process's soft limit to the hard limit, at most 1,048,576, and returns the limit then in force.
    package static func raise() -> OpenFileLimit {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return OpenFileLimit(count: 1024) }
        let wanted = min(limit.rlim_max, rlim_t(maxCount))
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = wanted
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return OpenFileLimit(count: Int(min(limit.rlim_cur, rlim_t(maxCount))))
    }

    /// Returns the number of connections that may be open at once.
    ///
    /// - Throws: `WebServerError.tooFewOpenFiles` when fewer than 16 connections remain.
    package func connections() throws(WebServerError) -> Int {
        let needed = reserved + Self.minConnections
        guard count >= needed else { throw .tooFewOpenFiles(limit: count, needed: needed) }
        return count - reserved
    }

    #if os(Linux)
        private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
    #else
        private static var resource: Int32 { RLIMIT_NOFILE }
    #endif
}
