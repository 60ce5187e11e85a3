import Core
import NIOCore
import TestSupport
import Testing

@testable import WebServer

/// A user's requests share one quota for cost and concurrency.
@Suite("Request quota of a user")
struct RequestQuotaTests {
    private static let start = NIODeadline.now() + .hours(1)

    private static func refusal(
        _ quota: RequestQuota, _ routeClass: RequestQuota.RouteClass, at now: NIODeadline = start
    ) -> RequestQuota.Refusal? {
        if case .refused(let refusal) = quota.enter("ann", routeClass, now: now) { refusal } else { nil }
    }

    /// Returns the pass of a request that must be admitted.
    private static func pass(
        _ quota: RequestQuota, of user: UserID, _ routeClass: RequestQuota.RouteClass, at now: NIODeadline = .now()
    ) throws -> RequestQuota.Pass {
        let pass: RequestQuota.Pass? =
            if case .admitted(let pass) = quota.enter(user, routeClass, now: now) { pass } else { nil }
        return try #require(pass)
    }

    @Test("A request costs according to its class, within a burst of five seconds and then the rate")
    func rate() {
        let quota = RequestQuota(limits: ConnectionLimits(userRequests: 0, userRequestsPerSecond: 100))
        for _ in 1...10 { #expect(Self.refusal(quota, .scanning) == nil) }
        #expect(Self.refusal(quota, .cheap)?.kind == .rate)
        #expect(Self.refusal(quota, .scanning) == RequestQuota.Refusal(kind: .rate, retryAfter: 1))
        #expect(Self.refusal(quota, .scanning, at: Self.start + .milliseconds(510)) == nil)
        #expect(Self.refusal(quota, .scanning, at: Self.start + .milliseconds(520))?.kind == .rate)
        #expect(Self.refusal(quota, .writing, at: Self.start + .milliseconds(600)) == nil)
    }

    @Test("A request that costs more than the burst is still possible")
    func dear() {
        let quota = RequestQuota(limits: ConnectionLimits(userRequestsPerSecond: 1))
        #expect(Self.refusal(quota, .scanning) == nil)
        #expect(Self.refusal(quota, .scanning)?.retryAfter == 51)
        #expect(Self.refusal(quota, .scanning, at: Self.start + .seconds(50)) == nil)
    }

    @Test("A request is in flight until its pass is released, and counts for its user only")
    func concurrency() throws {
        let quota = RequestQuota(limits: ConnectionLimits(userRequests: 2, userRequestsPerSecond: 0))
        var passes = [try Self.pass(quota, of: "ann", .cheap), try Self.pass(quota, of: "ann", .cheap)]
        #expect(Self.refusal(quota, .cheap)?.kind == .concurrency)
        _ = try Self.pass(quota, of: "bob", .cheap)
        passes.removeLast()
        #expect(Self.refusal(quota, .cheap) == nil)
        passes.removeAll()
        #expect(quota.userCount == 0, "users without in-flight requests and debt are forgotten")
    }

    @Test("0 disables a limit")
    func off() {
        let quota = RequestQuota(limits: ConnectionLimits(userRequests: 0, userRequestsPerSecond: 0))
        for _ in 1...10_000 { #expect(Self.refusal(quota, .scanning) == nil) }
    }

    @Test("Concurrent readings of a user are limited; other requests and users are unaffected")
    func readings() throws {
        let quota = RequestQuota(limits: .init())
        var passes: [RequestQuota.Pass] = []
        for _ in 0..<RequestQuota.maxReadings {
            passes.append(try Self.pass(quota, of: "ann", .reading, at: Self.start))
        }
        #expect(Self.refusal(quota, .reading) == RequestQuota.Refusal(kind: .concurrency, retryAfter: 1))
        passes.append(try Self.pass(quota, of: "ann", .cheap, at: Self.start))
        passes.append(try Self.pass(quota, of: "bob", .reading, at: Self.start))
        passes.removeAll()
        passes.append(try Self.pass(quota, of: "ann", .reading, at: Self.start))
    }

    @Test(
        "Requests are classified by method and path",
        arguments: [
            ("/api/devices", RequestQuota.RouteClass.scanning), ("/api//devices/", .scanning),
            ("/api/readings", .reading),
            ("/api/dashboards", .cheap),
            ("/api/latency/traces/1", .cheap),
        ])
    func classes(path: String, expected: RequestQuota.RouteClass) {
        #expect(RequestQuota.RouteClass(isRead: true, path: path) == expected)
        #expect(RequestQuota.RouteClass(isRead: false, path: path) == .writing)
    }

    @Test("A user beyond the quota gets 429 with Retry-After, and other users do not")
    func live() async throws {
        let server = try await LiveServer(limits: ConnectionLimits(userRequestsPerSecond: 10))
        let ann = try await server.token("ann")
        #expect(try await server.get("/api/devices", token: ann).status == 200)
        let refused = try await server.get("/api/devices", token: ann)
        #expect(refused.status == 429)
        #expect(refused.header("retry-after").flatMap(Int.init).map { (1...6).contains($0) } == true)
        #expect(refused.header("content-type") == "application/problem+json")
        #expect(try await server.get("/api/devices", token: try await server.token("bob")).status == 200)
        #expect(try await server.get("/livez").status == 200)
        try await server.stop()
    }
}

final class CallCounter: Sendable {
    private let count = Lock(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
