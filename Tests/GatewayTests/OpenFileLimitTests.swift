import Foundation
import Testing
import WebServer

@testable import Gateway

/// The connection limits leave descriptors for the broker, the database and the log.
@Suite("Open file limit")
struct OpenFileLimitTests {
    @Test("96 descriptors and 8 per core are reserved")
    func reserve() throws {
        #expect(try OpenFileLimit(count: 256, cores: 2).connections() == 144)
        #expect(try OpenFileLimit(count: 128, cores: 2).connections() == 16)
        #expect(throws: WebServerError.tooFewOpenFiles(limit: 127, needed: 128)) {
            try OpenFileLimit(count: 127, cores: 2).connections()
        }
    }

    @Test("The soft limit is raised to the hard limit")
    func raise() {
        var before = rlimit()
        getrlimit(Self.resource, &before)
        let limit = OpenFileLimit.raise()
        var after = rlimit()
        getrlimit(Self.resource, &after)
        #expect(after.rlim_cur >= min(before.rlim_max, 1 << 20))
        #expect(after.rlim_max == before.rlim_max)
        #expect(limit.count == Int(min(after.rlim_cur, 1 << 20)))
    }

    #if os(Linux)
        private static var resource: __rlimit_resource_t { __rlimit_resource_t(RLIMIT_NOFILE.rawValue) }
    #else
        private static var resource: Int32 { RLIMIT_NOFILE }
    #endif
}
